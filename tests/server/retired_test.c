/* How long a policy that was replaced is kept. */
#include "server/retired.h"

#include "server/site.h"

struct version {
	struct retired retired;
	struct policy policy;
	bool gone;
};

static void
release(struct retired *retired)
{
	struct version *version = container_of(retired, struct version, retired);
	memset(&version->policy, 0xee, sizeof(version->policy)); /* whoever reads it is found out */
	version->gone = true;
}

/* A reload: now is in force instead of before. */
static void
replace(struct site *site, struct retirement *retirement, struct version *before,
	struct version *now)
{
	*now = (struct version){ .policy = site->policy };
	site->settings.policy = &now->policy;
	requests_configure(site->requests, &site->settings);
	if (before == NULL)
		return;
	before->retired = (struct retired){ .policy = &before->policy, .release = release };
	retirement_add(retirement, &before->retired);
}

static void
register_once(struct site *site)
{
	site_send(site, (struct site_request){ .contact = "<sip:alice@192.0.2.10>" });
}

START_TEST(what_no_request_uses_is_gone_at_once)
{
	struct site site;
	struct retirement retirement;
	struct version versions[2];
	site_open(&site);
	retirement_open(&retirement, site.loop, site.requests);
	replace(&site, &retirement, NULL, &versions[0]);
	register_once(&site);
	site_pass(&site, 10);
	ck_assert_int_eq(sent_status(&site, 0), 200);
	replace(&site, &retirement, &versions[0], &versions[1]);
	ck_assert(versions[0].gone);
	retirement_close(&retirement);
	site_close(&site);
}
END_TEST

/* And nothing of what came after it, which those that wait for nothing do not keep either. */
START_TEST(a_request_that_waits_keeps_what_it_began_with)
{
	struct site site;
	struct retirement retirement;
	struct version versions[3];
	site_open(&site);
	retirement_open(&retirement, site.loop, site.requests);
	replace(&site, &retirement, NULL, &versions[0]);
	fake_store_freeze(site.store, true);
	register_once(&site);
	replace(&site, &retirement, &versions[0], &versions[1]);
	site_send(&site, (struct site_request){ .method = "OPTIONS", .no_credentials = true });
	replace(&site, &retirement, &versions[1], &versions[2]);
	ck_assert(!versions[0].gone);
	ck_assert(versions[1].gone);
	site_pass(&site, 2500);
	ck_assert(!versions[0].gone);
	fake_store_freeze(site.store, false);
	site_pass(&site, 10);
	ck_assert_uint_eq(sent_with_status(&site, 200), 2);
	site_pass(&site, 1000);
	ck_assert(versions[0].gone);
	ck_assert(!versions[2].gone);
	retirement_close(&retirement);
	site_close(&site);
}
END_TEST

START_TEST(the_end_releases_all)
{
	struct site site;
	struct retirement retirement;
	struct version versions[2];
	site_open(&site);
	retirement_open(&retirement, site.loop, site.requests);
	replace(&site, &retirement, NULL, &versions[0]);
	fake_store_freeze(site.store, true);
	register_once(&site);
	replace(&site, &retirement, &versions[0], &versions[1]);
	ck_assert(!versions[0].gone);
	retirement_close(&retirement);
	ck_assert(versions[0].gone);
	site_close(&site);
}
END_TEST

SUITE(retired, what_no_request_uses_is_gone_at_once, a_request_that_waits_keeps_what_it_began_with,
      the_end_releases_all)
