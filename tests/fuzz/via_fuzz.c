/* One Via value: slices, and what an answer carries parses to the same hop with the true source. */
#include "fuzz.h"
#include "sip/scan.h"
#include "sip/via.h"

static const struct endpoint source = { { 4, { 192, 0, 2, 4 } }, 40000 };

static void
check_slices(const struct sip_via *via, struct str text)
{
	FUZZ_CHECK(fuzz_inside(via->text, text) && fuzz_inside(via->version, text));
	FUZZ_CHECK(fuzz_inside(via->transport, text) && fuzz_inside(via->host.text, text));
	FUZZ_CHECK(fuzz_inside(via->sent_by, text) && fuzz_inside(via->params, text));
	FUZZ_CHECK(fuzz_inside(via->branch, text) && fuzz_inside(via->maddr, text));
	FUZZ_CHECK(fuzz_inside(via->ttl, text));
}

static void
check_written(const struct sip_via *via, struct str written)
{
	struct sip_via again;
	struct sip_param received;
	FUZZ_CHECK(sip_via_parse(&again, written));
	FUZZ_CHECK(str_eq(again.sent_by, via->sent_by) && str_eq(again.transport, via->transport));
	FUZZ_CHECK(again.port == via->port);
	if (via->bad_params)
		return;
	/* One parameter more may be one too many. */
	FUZZ_CHECK(!again.bad_params || !sip_params_valid(again.params));
	FUZZ_CHECK(str_eq(again.branch, via->branch) && again.has_rport == via->has_rport);
	bool shown = sip_find_param(again.params, STR("received"), &received);
	if (via->host.ip.family == 0 || via->has_rport)
		FUZZ_CHECK(shown);
	FUZZ_CHECK(!shown || str_eq(received.value, STR("192.0.2.4")));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, size };
	struct sip_via via;
	if (!sip_via_parse(&via, text))
		return 0;
	check_slices(&via, text);
	char *buf = malloc(size + 64);
	struct writer w = writer_on(buf, size + 64);
	sip_via_write(&w, &via, &source);
	FUZZ_CHECK(writer_ok(&w));
	check_written(&via, writer_text(&w));
	struct endpoint target = sip_via_response_target(&via, &source);
	FUZZ_CHECK(ip_equal(&target.ip, &source.ip) && target.port != 0);
	free(buf);
	return 0;
}
