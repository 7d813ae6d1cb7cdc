/* What the text of tests/cases cannot say: random parts, flows, races, limits in octets, memory. */
#include "registrar/register.h"

#include <stdio.h>

#include "registrar/rig.h"
#include "support/check_main.h"

static struct rig rig;

#define C1 "<sip:alice@192.0.2.10:5062>"
#define C2 "<sip:alice@192.0.2.20:5062>"
#define FIELDS(text) .fields = STR(text "\r\n")
#define REGISTER(...) rig_register(&rig, &(struct rig_request){ __VA_ARGS__ })

/* SEC-26.1.5-5, AUT-22.1-4, ORD-36, AUT-8760-2.3-3: outside, all failed log-ins look the same, and
 * each is held back */
START_TEST(failed_logins_are_alike)
{
	const struct rig_request requests[] = {
		{ .password = STR("wrong"), FIELDS("Contact: " C1) },
		{ .login = STR("nobody"), FIELDS("Contact: " C1) },
		{ .login = STR("bob"), .password = STR("bob's"), FIELDS("Contact: " C1) },
		{ .login = STR("gateway"), .password = STR("gw"), FIELDS("Contact: " C1) },
	};
	const enum reason reasons[] = { REASON_BAD_PASSWORD, REASON_UNKNOWN_USER,
					REASON_USER_DISABLED, REASON_ALGORITHM_MISMATCH };
	rig_open(&rig);
	rig.accounts[1].enabled = false;
	rig.accounts[2].ha1[DIGEST_MD5] = STR("");
	struct str first = { NULL, 0 };
	for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
		rig.seed = 40;
		rig_register(&rig, &requests[i]);
		ck_assert_int_eq(rig.answer.status, 401);
		ck_assert_int_eq(rig.answer.reason, reasons[i]);
		ck_assert(rig.answer.failed_login);
		ck_assert(!rig.answer.stale);
		ck_assert_uint_eq(rig.committed, 0);
		if (i == 0)
			first = rig.response;
		ck_assert(str_eq(rig.response, first));
	}
	rig_close(&rig);
}
END_TEST

/* AUT-7616-3.3-5: credentials for another realm are answered with a challenge that is not stale */
START_TEST(another_realm_is_not_stale)
{
	rig_open(&rig);
	REGISTER(.realm = STR("other.example"), FIELDS("Contact: " C1));
	ck_assert_int_eq(rig.answer.status, 401);
	ck_assert_int_eq(rig.answer.reason, REASON_REALM_MISMATCH);
	ck_assert(!rig.answer.stale);
	rig_close(&rig);
}
END_TEST

/* ORD-33, AUT-8760-2.6-6: the digest-uri is no longer than any other URI may be; it is parsed
 * before the nonce is judged, so a stranger could have the names of 64 KB of parameters compared */
START_TEST(long_digest_uris)
{
	char uri[SIP_MAX_URI + 1];
	static const char start[] = "sip:example.com;x=";
	memset(uri, 'y', sizeof(uri));
	memcpy(uri, start, strlen(start));
	rig_open(&rig);
	REGISTER(.digest_uri = { uri, SIP_MAX_URI }, FIELDS("Contact: " C1));
	ck_assert_int_eq(rig.answer.status, 200);
	REGISTER(.digest_uri = { uri, SIP_MAX_URI + 1 }, FIELDS("Contact: " C1));
	ck_assert_int_eq(rig.answer.status, 400);
	ck_assert_int_eq(rig.answer.reason, REASON_URI_MISMATCH);
	ck_assert_ptr_null(rig.answer.challenge);
	rig_close(&rig);
}
END_TEST

/* D-38, ORD-33: a digest-uri names a domain or an alias of ours, whatever else is in it, or the
 * address that the client has dialled */
START_TEST(a_digest_uri_names_what_is_served)
{
	static const struct {
		const char *uri, *dialled;
		int status;
	} cases[] = {
		{ "sip:other.example", "", 200 },
		{ "sips:anyone@REGISTRAR.example.com:5061;x", "", 200 },
		{ "sip:[2001:db8::10]", "", 200 },
		{ "sip:192.0.2.1:5060", "192.0.2.1", 200 },
		{ "sip:192.0.2.1:5060", "192.0.2.2", 400 },
		{ "sip:192.0.2.1:5060", "", 400 },
		{ "sip:elsewhere.example", "192.0.2.1", 400 },
		{ "tel:+1", "192.0.2.1", 400 },
		{ "example.com", "", 400 },
		{ "sip:", "", 400 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		rig_open(&rig);
		REGISTER(.digest_uri = str_of(cases[i].uri), .dialled = str_of(cases[i].dialled),
			 FIELDS("Contact: " C1));
		ck_assert_msg(rig.answer.status == cases[i].status, "%s", cases[i].uri);
		ck_assert(rig.answer.status == 200 || rig.answer.reason == REASON_URI_MISMATCH);
		rig_close(&rig);
	}
}
END_TEST

/* What is refused after all is no registration that strict rules would have refused, nor a
 * repetition that was answered. */
START_TEST(refusals_are_not_counted_as_done)
{
	rig_open(&rig);
	rig.domains[0].contacts = DOMAIN_CONTACTS_COMPATIBLE;
	struct stats before = *stats;
	REGISTER(.transport = TRANSPORT_TLS, FIELDS("Contact: <sips:a@h>;expires=5"));
	ck_assert_int_eq(rig.answer.status, 423);
	ck_assert_uint_eq(stats->sips_strict_would_refuse, before.sips_strict_would_refuse);
	REGISTER(.transport = TRANSPORT_TLS, FIELDS("Contact: <sips:a@h>"));
	ck_assert_int_eq(rig.answer.status, 200);
	ck_assert_uint_eq(stats->sips_strict_would_refuse, before.sips_strict_would_refuse + 1);

	rig.policy.path = PATH_LENIENT;
	struct rig_request phone = { .call_id = STR("b"),
				     FIELDS("Contact: " C1 "\r\nPath: <sip:p@h>") };
	rig_register(&rig, &phone);
	ck_assert_int_eq(rig.answer.status, 200);
	phone.nonce = rig.nonce;
	rig.policy.path = PATH_STRICT; /* somebody has reloaded */
	rig_register(&rig, &phone);
	ck_assert_int_eq(rig.answer.status, 420);
	ck_assert(rig.registration.repetition);
	ck_assert_uint_eq(stats->repetitions, before.repetitions);
	rig.policy.path = PATH_LENIENT;
	rig_register(&rig, &phone);
	ck_assert_int_eq(rig.answer.status, 200);
	ck_assert_uint_eq(stats->repetitions, before.repetitions + 1);
	rig_close(&rig);
}
END_TEST

/* REG-10.3.7-16, D-31: each contact is judged, and each against all before it */
START_TEST(all_contacts_are_judged)
{
	static const struct {
		const char *contacts;
		int status;
		uint32_t stored;
	} cases[] = {
		{ C1 ", <sip:alice@example.com>", 403, 0 },
		{ C1 ", " C2 ", <sip:alice@example.com>", 403, 0 },
		{ C1 ", " C2 ";expires=60, " C2 ";expires=90", 400, 0 },
		{ C1 ", " C2 ", <sip:3@h>, " C2 ";q=0.1", 400, 0 },
		{ C1 ", " C2 ", <sip:3@h>, " C2, 200, 3 },
		{ C1 ", " C2 ", <sip:3@h>;expires=5", 423, 0 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char fields[256];
		snprintf(fields, sizeof(fields), "Contact: %s\r\n", cases[i].contacts);
		rig_open(&rig);
		REGISTER(.fields = str_of(fields));
		ck_assert_msg(rig.answer.status == cases[i].status, "%s: %d", cases[i].contacts,
			      rig.answer.status);
		ck_assert_uint_eq(rig.record.binding_count, cases[i].stored);
		rig_close(&rig);
	}
}
END_TEST

/* REG-10.3.7-6: what is stored and is no URI, because somebody has written it by hand, equals
 * nothing but itself, and goes like all others */
START_TEST(a_stored_uri_may_be_none)
{
	rig_open(&rig);
	rig_given(&rig, STR(C2))->uri = STR("sip:[");
	REGISTER(FIELDS("Contact: " C1));
	ck_assert_int_eq(rig.answer.status, 200);
	ck_assert_int_eq(rig.answer.reason, REASON_REGISTERED);
	ck_assert_uint_eq(rig.record.binding_count, 2);
	REGISTER(.cseq = STR("2"), FIELDS("Contact: *\r\nExpires: 0"));
	ck_assert_int_eq(rig.answer.status, 200);
	ck_assert_uint_eq(rig.record.binding_count, 0);
	rig_close(&rig);
}
END_TEST

static void
check_changes(const struct stats *before, const uint64_t wanted[CHANGE_COUNT])
{
	for (unsigned i = 0; i < CHANGE_COUNT; i++)
		ck_assert_msg(stats->binding_changes[i] - before->binding_changes[i] == wanted[i],
			      "change %u", i);
}

/* What became of each binding is counted once, when it is done. */
START_TEST(changes_are_counted)
{
	rig_open(&rig);
	rig_given(&rig, STR(C1));
	rig_given(&rig, STR("<sip:alice@192.0.2.11>"));
	rig_given(&rig, STR("<sip:alice@192.0.2.12>"));
	rig_given(&rig, STR("<sip:alice@192.0.2.13>"))->expires_ms = rig.now_ms - 1;
	struct stats before = *stats;
	REGISTER(FIELDS("Contact: " C1 ";expires=0, <sip:alice@192.0.2.11>, <sip:1@h>, <sip:2@h>, "
			"<sip:3@h>"));
	ck_assert_int_eq(rig.answer.status, 200);
	const uint64_t wanted[CHANGE_COUNT] = { [CHANGE_ADDED] = 3,
						[CHANGE_REFRESHED] = 1,
						[CHANGE_REMOVED] = 1,
						[CHANGE_EXPIRED] = 1 };
	check_changes(&before, wanted);
	rig_close(&rig);
}
END_TEST

/* So is one that made room, and one that was decided twice. */
START_TEST(changes_are_counted_once)
{
	rig_open(&rig);
	rig_given(&rig, STR("<sip:alice@192.0.2.11>"));
	rig.policy.max_contacts = 2;
	rig.policy.replace_oldest = true;
	rig.commits[0] = RIG_COMMIT_CONFLICT;
	rig.commit_count = 1;
	struct stats before = *stats;
	REGISTER(FIELDS("Contact: " C1 ", " C2));
	ck_assert_int_eq(rig.answer.status, 200);
	ck_assert_uint_eq(rig.looked_up, 2);
	check_changes(&before,
		      (const uint64_t[CHANGE_COUNT]){ [CHANGE_ADDED] = 2, [CHANGE_REPLACED] = 1 });
	rig_close(&rig);
}
END_TEST

/* AUT-7616-3.3-5, ORD-34: a stale nonce is no failed log-in */
START_TEST(a_stale_nonce_is_no_failure)
{
	rig_open(&rig);
	REGISTER(.nonce_age_s = 400);
	ck_assert_int_eq(rig.answer.status, 401);
	ck_assert(rig.answer.stale);
	ck_assert(!rig.answer.failed_login);
	REGISTER(.no_credentials = true);
	ck_assert(!rig.answer.stale);
	ck_assert(!rig.answer.failed_login);
	rig_close(&rig);
}
END_TEST

/* ORD-35: before the keys of the cluster were read nobody can be challenged */
START_TEST(without_keys_nobody_is_challenged)
{
	rig_open(&rig);
	struct rig_request request = { .no_credentials = true };
	rig.keys.count = 0;
	rig_register(&rig, &request);
	ck_assert_int_eq(rig.answer.status, 503);
	ck_assert_uint_ge(rig.answer.retry_after_s, 20);
	rig_close(&rig);
}
END_TEST

/* UAS-20.33-1, ORD-35: Retry-After is spread over its range, both ends included */
START_TEST(retry_after_is_spread)
{
	uint32_t least = UINT32_MAX, most = 0;
	rig_open(&rig);
	rig.policy.retry_after_min_s = 20;
	rig.policy.retry_after_max_s = 25;
	for (unsigned i = 0; i < 64; i++) {
		rig.lookups[0] = LOOKUP_UNAVAILABLE;
		rig.lookup_count = 1;
		REGISTER(FIELDS("Contact: " C1));
		ck_assert_int_eq(rig.answer.status, 503);
		uint32_t seconds = rig.answer.retry_after_s;
		least = seconds < least ? seconds : least;
		most = seconds > most ? seconds : most;
	}
	ck_assert_uint_eq(least, 20);
	ck_assert_uint_eq(most, 25);
	rig_close(&rig);
}
END_TEST

static uint32_t
granted_for(const char *fields)
{
	struct rig_request request = { .fields = str_of(fields) };
	rig.record.binding_count = rig.record.mark_count = 0;
	rig_register(&rig, &request);
	ck_assert_int_eq(rig.answer.status, 200);
	return (uint32_t)((rig.record.bindings[0].expires_ms - rig.now_ms) / 1000);
}

/* REG-10.3.7-2: jitter shortens by at most its share, and never below the minimum */
START_TEST(jitter)
{
	uint32_t least = UINT32_MAX, most = 0;
	rig_open(&rig);
	rig.policy.expires_jitter_percent = 10;
	for (unsigned i = 0; i < 250; i++) {
		uint32_t seconds = granted_for("Contact: " C1 ";expires=200\r\n");
		least = seconds < least ? seconds : least;
		most = seconds > most ? seconds : most;
		ck_assert_uint_eq(granted_for("Contact: " C1 ";expires=60\r\n"), 60);
		ck_assert_uint_ge(granted_for("Contact: " C1 ";expires=62\r\n"), 60);
		uint32_t capped = granted_for("Contact: " C1 ";expires=99999\r\n");
		ck_assert_uint_ge(capped, 6480);
		ck_assert_uint_le(capped, 7200);
	}
	ck_assert_uint_eq(least, 180);
	ck_assert_uint_eq(most, 200);
	rig.policy.expires_jitter_percent = 0;
	ck_assert_uint_eq(granted_for("Contact: " C1 ";expires=200\r\n"), 200);
	rig_close(&rig);
}
END_TEST

/* REG-10.3.8-2: what was just granted is what the answer says */
START_TEST(the_answer_says_what_was_granted)
{
	rig_open(&rig);
	rig.policy.expires_jitter_percent = 50;
	uint32_t seconds = granted_for("Contact: " C1 ";expires=7000\r\n");
	char line[100];
	snprintf(line, sizeof(line), "Contact: " C1 ";expires=%u\r\n", seconds);
	ck_assert_ptr_nonnull(memmem(rig.response.p, rig.response.len, line, strlen(line)));
	rig_close(&rig);
}
END_TEST

/* REG-10.3.7-12: the binding remembers its request and its flow; a User-Agent of 256 octets is
 * stored whole, a longer one is cut (PAR-LIM-5) */
START_TEST(what_a_binding_stores)
{
	char fields[1000];
	rig_open(&rig);
	for (int extra = 0; extra < 2; extra++) {
		snprintf(fields, sizeof(fields),
			 "Contact: \"A\" <sip:a@h>;q=0.25;+sip.instance=\"<urn:x>\"\r\n"
			 "User-Agent: %0*d\r\n",
			 256 + extra, 7);
		rig.record.binding_count = 0;
		REGISTER(.fields = str_of(fields), .call_id = STR("c@h"), .cseq = STR("0077"),
			 .transport = TRANSPORT_TLS);
		ck_assert_int_eq(rig.answer.status, 200);
		const struct binding *b = &rig.record.bindings[0];
		ck_assert_uint_eq(b->user_agent.len, 256);
		ck_assert_int_eq(b->user_agent.p[255], extra == 0 ? '7' : '0');
		ck_assert(str_eq(b->display, STR("\"A\"")));
		ck_assert(str_eq(b->instance, STR("<urn:x>")));
		ck_assert_int_eq(b->q, 250);
		ck_assert(str_eq(b->call_id, STR("c@h")));
		ck_assert_uint_eq(b->cseq, 77);
		ck_assert(str_eq(b->node, STR("node1")));
		ck_assert_int_eq(b->transport, TRANSPORT_TLS);
		ck_assert(str_eq(b->source, STR("192.0.2.10:5062")));
		ck_assert_int_eq(b->created_ms, rig.now_ms);
		ck_assert_int_eq(b->updated_ms, rig.now_ms);
	}
	rig_close(&rig);
}
END_TEST

/* REG-10.3.7-13: a refresh inherits id and birth, nothing else */
START_TEST(a_refresh_keeps_id_and_birth)
{
	rig_open(&rig);
	REGISTER(FIELDS("Contact: " C1));
	struct binding before = rig.record.bindings[0];
	rig.now_ms += 1000;
	REGISTER(FIELDS("Contact: " C1), .cseq = STR("2"), .transport = TRANSPORT_TCP);
	const struct binding *after = &rig.record.bindings[0];
	ck_assert_uint_eq(rig.record.binding_count, 1);
	ck_assert(str_eq(after->id, before.id));
	ck_assert_int_eq(after->created_ms, before.created_ms);
	ck_assert_int_eq(after->updated_ms, before.updated_ms + 1000);
	ck_assert_int_eq(after->transport, TRANSPORT_TCP);
	rig_close(&rig);
}
END_TEST

/* REG-10.3-7: bindings made together have ids of their own, in the form of RFC 9562 version 7 */
START_TEST(ids_are_distinct)
{
	rig_open(&rig);
	REGISTER(FIELDS("Contact: <sip:1@h>, <sip:2@h>, <sip:3@h>, <sip:4@h>, <sip:5@h>"));
	ck_assert_uint_eq(rig.record.binding_count, 5);
	for (uint32_t i = 0; i < 5; i++) {
		struct str id = rig.record.bindings[i].id;
		ck_assert_uint_eq(id.len, BINDING_ID_LEN);
		/* 1700000000000 is 0x018BCFE56800 */
		ck_assert(str_starts(id, STR("018bcfe5-6800-7")));
		ck_assert_ptr_nonnull(strchr("89ab", id.p[19]));
		ck_assert_int_eq(id.p[23], '-');
		for (uint32_t j = 0; j < i; j++)
			ck_assert(!str_eq(id, rig.record.bindings[j].id));
	}
	rig_close(&rig);
}
END_TEST

/* RFC 9562 §5.7: what is neither time, version nor variant is random, bit by bit; the bindings of a
 * request are counted on from there. */
START_TEST(ids_keep_their_random_bits)
{
	rig_open(&rig);
	for (uint32_t i = 0; i < 16; i++) {
		rig.record.binding_count = 0;
		REGISTER(FIELDS("Contact: " C1));
		struct str id = rig.record.bindings[0].id;
		const uint8_t *random = rig.registration.random + RANDOM_ID;
		ck_assert_int_eq(ascii_hex(id.p[15]), random[0] & 15);
		ck_assert_int_eq(ascii_hex(id.p[19]) << 4 | ascii_hex(id.p[20]),
				 0x80 | (random[2] & 0x3F));
		uint8_t last[4];
		for (size_t j = 0; j < 4; j++)
			last[j] = (uint8_t)(ascii_hex(id.p[28 + 2 * j]) << 4 |
					    ascii_hex(id.p[29 + 2 * j]));
		uint32_t drawn, counted;
		memcpy(&drawn, random + 6, sizeof(drawn));
		memcpy(&counted, last, sizeof(counted));
		ck_assert_uint_eq(counted - drawn, 1); /* the first binding of its request */
	}
	rig_close(&rig);
}
END_TEST

/* A REGISTER with contacts of about bytes octets in the answer, in steps below the URI limit. */
static int
status_with_list_of(size_t bytes)
{
	char fields[65000];
	struct writer w = writer_on(fields, sizeof(fields));
	const size_t row = 2000;
	for (unsigned i = 0; bytes > 0; i++) {
		size_t part = bytes > row + 200 ? row : bytes;
		writer_printf(&w, "Contact: <sip:%02u", i);
		for (size_t n = 0; n < part - 40 - 8; n++)
			writer_char(&w, 'x');
		writer_text_z(&w, "@h>\r\n");
		bytes -= part;
	}
	ck_assert(writer_ok(&w));
	rig.record.binding_count = 0;
	REGISTER(.fields = writer_text(&w));
	return rig.answer.status;
}

/* REG-10.3.7-17: the Contact list stays under 60 000 octets */
START_TEST(the_list_fits_a_datagram)
{
	rig_open(&rig);
	rig.policy.max_contacts = rig.policy.max_contacts_per_request = 100;
	ck_assert_int_eq(status_with_list_of(59999), 200);
	ck_assert_uint_eq(rig.record.binding_count, 30);
	ck_assert_int_eq(status_with_list_of(60000), 403);
	ck_assert_int_eq(rig.answer.reason, REASON_TOO_MANY_CONTACTS);
	rig_close(&rig);
}
END_TEST

/* A REGISTER of contact number i, with so many octets that are no ASCII in its display name, and
 * 4,000 in its Path. */
static int
status_of_foreign_contact(unsigned i, unsigned octets)
{
	static char fields[65000];
	struct writer w = writer_on(fields, sizeof(fields));
	writer_text_z(&w, "Supported: path\r\nContact: \"");
	for (unsigned n = 0; n < octets / 2; n++)
		writer_text_z(&w, "\xc3\xbf");
	writer_printf(&w, "\" <sip:%u@h>\r\nPath: \"", i);
	for (unsigned n = 0; n < 2000; n++)
		writer_text_z(&w, "\xc3\x80");
	writer_text_z(&w, "\" <sip:p@h;lr>\r\n");
	ck_assert(writer_ok(&w));
	REGISTER(.call_id = STR("b"), .cseq = STR("2"), .fields = writer_text(&w),
		 .transport = TRANSPORT_TCP);
	return rig.answer.status;
}

static size_t
stored_octets(void)
{
	size_t octets = 0;
	for (uint32_t i = 0; i < rig.record.binding_count; i++)
		octets += binding_stored_octets(&rig.record.bindings[i]);
	return octets;
}

/* REG-10.3.7-17: what is stored beside each contact takes nothing of that: as many plain ones as
 * the list has room for are stored */
START_TEST(plain_contacts_have_the_whole_list)
{
	static char agent[64];
	rig_open(&rig);
	rig.policy.max_contacts = 1000;
	memset(agent, 'x', sizeof(agent));
	unsigned count = 0;
	for (;; count++) {
		char uri[64];
		snprintf(uri, sizeof(uri), "<sip:%05u@192.0.2.10:5062>", count);
		struct binding *given = rig_given(&rig, str_of(uri));
		given->user_agent = (struct str){ agent, sizeof(agent) };
		given->call_id = STR("a84b4c76e66710a84b4c76e66710@192.0.2.10");
		if ((count + 3) * (strlen(uri) - 2 + 40) >= 60000)
			break;
	}
	ck_assert_uint_gt(count, 800);
	REGISTER(.transport = TRANSPORT_TCP, FIELDS("Contact: <sip:x@192.0.2.10>"));
	ck_assert_int_eq(rig.answer.status, 200);
	REGISTER(.transport = TRANSPORT_TCP, .cseq = STR("2"),
		 FIELDS("Contact: <sip:y@192.0.2.10>"));
	ck_assert_int_eq(rig.answer.status, 403);
	rig_close(&rig);
}
END_TEST

/* REG-10.3.7-17: nor is more of them stored than 100,000 octets and 512 for each, Paths and all, as
 * they are written there: whoever has a nonce has all of it read again by a guess at the password
 */
START_TEST(what_is_stored_of_an_address_is_limited)
{
	unsigned accepted = 0;
	rig_open(&rig);
	for (unsigned i = 0; i < 9; i++) { /* as many as an address may have */
		size_t before = stored_octets();
		if (status_of_foreign_contact(i, 2000) == 200) {
			accepted++;
			continue;
		}
		ck_assert_int_eq(rig.answer.status, 403);
		ck_assert_int_eq(rig.answer.reason, REASON_TOO_MANY_CONTACTS);
		ck_assert_uint_eq(stored_octets(), before);
	}
	ck_assert_uint_eq(accepted, 3);
	const size_t most = 100000 + 3 * 512;
	ck_assert_uint_lt(stored_octets(), most);
	/* to the octet */
	const unsigned room = (unsigned)((most - stored_octets()) / 5);
	REGISTER(.cseq = STR("3"), FIELDS("Contact: <sip:1@h>;expires=0"));
	ck_assert_uint_eq(rig.record.binding_count, 2);
	ck_assert_int_eq(status_of_foreign_contact(1, 2000 + room / 2 * 2 + 2), 403);
	ck_assert_int_eq(status_of_foreign_contact(1, 2000 + room / 2 * 2), 200);
	ck_assert_uint_lt(stored_octets(), most);
	ck_assert_uint_ge(stored_octets(), most - 10);
	rig_close(&rig);
}
END_TEST

/* REG-10.3.7-17: a list that is too long, of the time before the limit, is refreshed and made
 * shorter, never longer */
START_TEST(a_long_row_is_refreshed)
{
	static char path[30000];
	rig_open(&rig);
	memset(path, 0xff, sizeof(path));
	REGISTER(.call_id = STR("other"), FIELDS("Contact: <sip:1@h>"));
	rig_given(&rig, STR("<sip:0@h>"))->path = (struct str){ path, sizeof(path) };
	REGISTER(FIELDS("Contact: <sip:2@h>"));
	ck_assert_int_eq(rig.answer.status, 403);
	REGISTER(.cseq = STR("2"), FIELDS("Contact: <sip:1@h>;a=longer"));
	ck_assert_int_eq(rig.answer.status, 403);
	ck_assert_uint_eq(rig.record.binding_count, 2);
	for (unsigned i = 0; i < 2; i++) {
		REGISTER(.call_id = i == 0 ? STR("other") : STR("b"), .cseq = STR("2"),
			 FIELDS("Contact: <sip:1@h>"));
		ck_assert_int_eq(rig.answer.status, 200);
		ck_assert_int_eq(rig.answer.reason, REASON_REFRESHED);
		ck_assert_uint_gt(stored_octets(), 100000);
	}
	REGISTER(.cseq = STR("3"), FIELDS("Contact: <sip:0@h>;expires=0"));
	ck_assert_int_eq(rig.answer.status, 200);
	ck_assert_uint_lt(stored_octets(), 1000);
	rig_close(&rig);
}
END_TEST

/* A REGISTER of a contact of 20,000 octets, with as many more in fields that its answer repeats. */
static int
status_with_echo_of(size_t echoed, enum transport transport)
{
	static char fields[65000], to[32768];
	struct writer w = writer_on(fields, sizeof(fields)), t = writer_on(to, sizeof(to));
	writer_text_z(&w, "Contact: <sip:2@h>;x=");
	for (size_t n = 0; n < 20000; n++)
		writer_char(&w, 'x');
	writer_text_z(&w, "\r\nVia: SIP/2.0/UDP h;x=");
	for (size_t n = 0; n < echoed / 2; n++)
		writer_char(&w, 'v');
	writer_text_z(&w, "\r\n");
	writer_char(&t, '"');
	for (size_t n = echoed / 2; n < echoed; n++)
		writer_char(&t, 't');
	writer_text_z(&t, "\" <sip:alice@example.com>");
	ck_assert(writer_ok(&w) && writer_ok(&t));
	REGISTER(.call_id = STR("b"), .to = writer_text(&t), .fields = writer_text(&w),
		 .transport = transport);
	return rig.answer.status;
}

/* REG-10.3.7-17, UAS-8.2-1: what could not be answered in a datagram is refused before it is
 * stored, and not for nothing; a stream carries it */
START_TEST(the_answer_fits_a_datagram)
{
	static char params[30000];
	size_t longest = 0, refused = 0;
	rig_open(&rig);
	memset(params, 'x', sizeof(params));
	rig_given(&rig, STR("<sip:1@h>"))->params =
		(struct str){ params, sizeof(params) }; /* ";x=…", say */
	const struct binding given = rig.record.bindings[0];
	for (size_t echoed = 13000; echoed < 17000; echoed += 100) {
		rig.record.bindings[0] = given;
		rig.record.binding_count = 1;
		int status = status_with_echo_of(echoed, TRANSPORT_UDP);
		if (status == 200 && rig.response.len > longest)
			longest = rig.response.len;
		if (status == 200)
			continue;
		ck_assert_int_eq(status, 403);
		ck_assert_uint_eq(rig.record.binding_count, 1);
		refused++;
	}
	ck_assert_uint_le(longest, ANSWER_DATAGRAM_MAX);
	ck_assert_uint_gt(longest, ANSWER_DATAGRAM_MAX - 1000);
	ck_assert_uint_gt(refused, 0);
	ck_assert_int_eq(status_with_echo_of(16000, TRANSPORT_TCP), 200);
	rig_close(&rig);
}
END_TEST

/* SEC-26.1.5-3: whatever the configuration says, a request brings CONTACTS_MAX contacts at most */
START_TEST(contacts_of_one_request_are_bounded)
{
	char fields[8192];
	rig_open(&rig);
	rig.policy.max_contacts = rig.policy.max_contacts_per_request = 1000;
	for (unsigned extra = 0; extra < 2; extra++) {
		struct writer w = writer_on(fields, sizeof(fields));
		for (unsigned i = 0; i < CONTACTS_MAX + extra; i++)
			writer_printf(&w, "Contact: <sip:%u@h>\r\n", i);
		rig.record.binding_count = 0;
		REGISTER(.fields = writer_text(&w));
		ck_assert_int_eq(rig.answer.status, extra == 0 ? 200 : 403);
	}
	rig_close(&rig);
}
END_TEST

static void
somebody_registers(struct rig *r)
{
	rig_given(r, STR("<sip:alice@192.0.2.99>"));
}

/* REG-DB-1, REG-10.3-8: the second decision is made on what somebody else has written */
START_TEST(a_lost_race_sees_the_winner)
{
	rig_open(&rig);
	rig.meanwhile = somebody_registers;
	rig.commits[0] = RIG_COMMIT_CONFLICT;
	rig.commit_count = 1;
	REGISTER(FIELDS("Contact: " C1));
	ck_assert_int_eq(rig.answer.status, 200);
	ck_assert_uint_eq(rig.looked_up, 2);
	ck_assert_uint_eq(rig.committed, 1);
	ck_assert_uint_eq(rig.record.binding_count, 2);
	ck_assert_uint_eq(rig.answer.binding_count, 2);
	rig_close(&rig);
}
END_TEST

/* REG-DB-1, REG-10.3.7-17: and the limit holds among racers */
START_TEST(a_lost_race_may_end_in_a_refusal)
{
	rig_open(&rig);
	rig.policy.max_contacts = 1;
	rig.meanwhile = somebody_registers;
	rig.commits[0] = RIG_COMMIT_CONFLICT;
	rig.commit_count = 1;
	REGISTER(FIELDS("Contact: " C1));
	ck_assert_int_eq(rig.answer.status, 403);
	ck_assert_uint_eq(rig.record.binding_count, 1);
	ck_assert_ptr_null(rig_binding(&rig, STR("sip:alice@192.0.2.10:5062")));
	rig_close(&rig);
}
END_TEST

static void
somebody_takes_the_count(struct rig *r)
{
	struct nonce_mark *mark = arena_alloc(&r->arena, sizeof(*mark));
	*mark = (struct nonce_mark){ r->registration.nonce, r->registration.credentials.nc };
	r->record.marks = mark;
	r->record.mark_count = 1;
}

/* AUT-7616-3.4-3, REG-DB-1: of two requests with one count the second is refused, also when they
 * race */
START_TEST(a_count_is_won_once)
{
	rig_open(&rig);
	rig.meanwhile = somebody_takes_the_count;
	rig.commits[0] = RIG_COMMIT_CONFLICT;
	rig.commit_count = 1;
	REGISTER(FIELDS("Contact: " C1));
	ck_assert_int_eq(rig.answer.status, 401);
	ck_assert_int_eq(rig.answer.reason, REASON_NONCE_REPLAYED);
	ck_assert(rig.answer.stale);
	ck_assert_uint_eq(rig.record.binding_count, 0);
	rig_close(&rig);
}
END_TEST

/* REG-10.3.7-2: never more than asked for, when the node that wrote it is a moment ahead of us */
START_TEST(no_clock_makes_a_binding_longer)
{
	const char *line = "Contact: " C1 ";expires=200\r\n";
	rig_open(&rig);
	REGISTER(FIELDS("Contact: " C1 ";expires=200"));
	rig.now_ms -= 3;
	REGISTER(.cseq = STR("2"));
	ck_assert_ptr_nonnull(memmem(rig.response.p, rig.response.len, line, strlen(line)));
	rig_close(&rig);
}
END_TEST

/* REG-DB-5: a mark of the same count alone, set by a replay, does not pass for our commit */
START_TEST(a_stolen_count_is_not_our_commit)
{
	rig_open(&rig);
	rig.meanwhile = somebody_takes_the_count;
	rig.commits[0] = RIG_COMMIT_LOST;
	rig.commit_count = 1;
	REGISTER(FIELDS("Contact: " C1));
	ck_assert_int_eq(rig.answer.status, 401);
	ck_assert_uint_eq(rig.record.binding_count, 0);
	rig_close(&rig);
}
END_TEST

/* The same request at another node, in the same millisecond and with other jitter. */
static void
a_copy_is_served_elsewhere(struct rig *r)
{
	struct binding *bindings = arena_array(&r->arena, 1, sizeof(*bindings));
	bindings[0] = r->registration.after.bindings[0];
	bindings[0].expires_ms -= 1000;
	r->record.marks = r->registration.after.marks;
	r->record.mark_count = r->registration.after.mark_count;
	r->record.bindings = bindings;
	r->record.binding_count = 1;
}

/* REG-DB-5, REG-10.3.8-1: what is answered is what was stored, also when a copy of the request was
 * stored and our own commit was lost */
START_TEST(the_commit_of_a_copy_is_not_ours)
{
	rig_open(&rig);
	rig_given(&rig, STR(C1));
	rig.meanwhile = a_copy_is_served_elsewhere;
	rig.commits[0] = RIG_COMMIT_LOST;
	rig.commit_count = 1;
	REGISTER(FIELDS("Contact: " C1));
	ck_assert_int_eq(rig.answer.status, 200);
	ck_assert_int_eq(rig.record.bindings[0].expires_ms - rig.now_ms, 3599000);
	ck_assert_int_eq(rig.answer.bindings[0].expires_ms - rig.now_ms, 3599000);
	rig_close(&rig);
}
END_TEST

/* REG-DB-5: a removal has landed only when the bindings are gone */
START_TEST(a_removal_that_was_lost_is_noticed)
{
	rig_open(&rig);
	rig_given(&rig, STR(C1));
	rig.meanwhile = somebody_takes_the_count;
	rig.commits[0] = RIG_COMMIT_LOST;
	rig.commit_count = 1;
	REGISTER(FIELDS("Contact: *\r\nExpires: 0"));
	ck_assert_int_eq(rig.answer.status, 401);
	ck_assert_uint_eq(rig.record.binding_count, 1);
	rig_close(&rig);
}
END_TEST

/* REG-DB-5: and when they are gone it has, with whatever else is there */
START_TEST(a_removal_that_landed_is_done)
{
	rig_open(&rig);
	rig_given(&rig, STR(C1));
	rig_given(&rig, STR(C2));
	rig_given(&rig, STR("<sip:alice@192.0.2.30>"));
	rig.commits[0] = RIG_COMMIT_LANDED;
	rig.commit_count = 1;
	REGISTER(FIELDS("Contact: " C1 ";expires=0"));
	ck_assert_int_eq(rig.answer.status, 200);
	ck_assert_uint_eq(rig.answer.binding_count, 2);
	ck_assert_uint_eq(rig.committed, 1);
	rig_close(&rig);
}
END_TEST

static void
somebody_changes_what_landed(struct rig *r)
{
	rig_given(r, STR("<sip:alice@192.0.2.99:5062>"));
	r->record.version++;
}

/* REG-DB-5: it was done and somebody has written since, so no look at the row tells: 500, which
 * promises nothing, and not 401, which promises that nothing was changed */
START_TEST(what_landed_and_was_changed_since_is_not_refused)
{
	rig_open(&rig);
	rig_given(&rig, STR(C1));
	rig.meanwhile = somebody_changes_what_landed;
	rig.commits[0] = RIG_COMMIT_LANDED;
	rig.commit_count = 1;
	REGISTER(FIELDS("Contact: " C1 ";expires=0"));
	ck_assert_int_eq(rig.answer.status, 500);
	ck_assert_int_eq(rig.answer.reason, REASON_INTERNAL);
	rig_close(&rig);
}
END_TEST

static void
somebody_writes_twice(struct rig *r)
{
	rig_given(r, STR("<sip:alice@192.0.2.99:5062>"));
	r->record.version += 2;
}

/* REG-DB-5: as long as the row does not have the count, nothing of ours was ever done, however
 * often others have written */
START_TEST(what_never_landed_is_done_again)
{
	rig_open(&rig);
	rig.meanwhile = somebody_writes_twice;
	rig.commits[0] = RIG_COMMIT_LOST;
	rig.commit_count = 1;
	REGISTER(FIELDS("Contact: " C1));
	ck_assert_int_eq(rig.answer.status, 200);
	ck_assert_uint_eq(rig.committed, 1);
	ck_assert_uint_eq(rig.record.binding_count, 2);
	rig_close(&rig);
}
END_TEST

/* REG-DB-5: once and as often again as it may be, then no more */
START_TEST(a_commit_is_tried_so_often)
{
	for (unsigned lost = 3; lost <= 4; lost++) {
		rig_open(&rig);
		ck_assert_uint_eq(rig.retries, 3);
		for (unsigned i = 0; i < lost; i++)
			rig.commits[i] = RIG_COMMIT_LOST;
		rig.commit_count = lost;
		REGISTER(FIELDS("Contact: " C1));
		ck_assert_int_eq(rig.answer.status, lost == 3 ? 200 : 500);
		ck_assert_uint_eq(rig.committed, lost == 3 ? 1 : 0);
		ck_assert_uint_eq(rig.looked_up, lost + 1);
		rig_close(&rig);
	}
}
END_TEST

static void
first_attempt_lands_late(struct rig *r)
{
	int64_t version = r->record.version;
	if (r->registration.attempts == 0)
		return;
	r->record = r->registration.after;
	r->record.version = version;
}

/* REG-DB-5: the connection was lost, but the database has the statement and takes its time: the
 * second attempt finds that the first one is done */
START_TEST(what_lands_late_is_done)
{
	rig_open(&rig);
	rig_given(&rig, STR(C1));
	rig.meanwhile = first_attempt_lands_late;
	rig.commits[0] = RIG_COMMIT_LOST;
	rig.commits[1] = RIG_COMMIT_CONFLICT;
	rig.commit_count = 2;
	REGISTER(FIELDS("Contact: *\r\nExpires: 0"));
	ck_assert_int_eq(rig.answer.status, 200);
	ck_assert_uint_eq(rig.record.binding_count, 0);
	rig_close(&rig);
}
END_TEST

/* REG-10.3.7-15, AUT-7616-5.5-1: what has expired is left out of what is stored */
START_TEST(expired_things_are_not_stored_again)
{
	rig_open(&rig);
	REGISTER(FIELDS("Contact: <sip:1@h>;expires=60, <sip:2@h>;expires=4000"));
	ck_assert_uint_eq(rig.record.mark_count, 1);
	rig.now_ms += 400 * 1000;
	REGISTER(.call_id = STR("b"));
	ck_assert_int_eq(rig.answer.status, 200);
	ck_assert_uint_eq(rig.record.binding_count, 1);
	ck_assert(str_eq(rig.record.bindings[0].uri, STR("sip:2@h")));
	ck_assert_uint_eq(rig.record.mark_count, 1);
	ck_assert_uint_eq(rig.record.mark_floor_s, RIG_NOW_MS / 1000);
	rig_close(&rig);
}
END_TEST

/* AUT-7616-5.5-1, AUT-7616-3.4-3: a clock that was wrong for a while locks nobody out until time
 * has come to where it was, and what was captured meanwhile is good for nothing, before and then */
START_TEST(a_floor_that_lies_ahead_locks_nobody_out)
{
	struct rig_request phone = { .call_id = STR("a"), FIELDS("Contact: " C1) };
	rig_open(&rig);
	rig_register(&rig, &phone);
	struct str before = rig.nonce;
	rig.now_ms += 86400 * 1000;
	rig_register(&rig, &(struct rig_request){ .call_id = STR("b") });
	struct str ahead = rig.nonce;
	rig.now_ms += 400 * 1000;
	rig_register(&rig, &(struct rig_request){ .call_id = STR("c") });
	ck_assert_uint_eq(rig.record.mark_floor_s, RIG_NOW_MS / 1000 + 86400);

	rig.now_ms = RIG_NOW_MS + 60 * 1000;
	phone.cseq = STR("2");
	rig_register(&rig, &phone);
	ck_assert_int_eq(rig.answer.status, 401);
	ck_assert(rig.answer.stale);
	char told[NONCE_TEXT_LEN + 1];
	memcpy(told, rig.answer.nonce, sizeof(told));
	phone.nonce = str_of(told);
	rig_register(&rig, &phone);
	ck_assert_int_eq(rig.answer.status, 200);
	ck_assert_uint_eq(rig.record.binding_count, 1);

	struct rig_request thief = { .call_id = STR("evil"),
				     FIELDS("Contact: <sip:mallory@192.0.2.66>") };
	const struct str captured[] = { before, str_of(told) };
	for (size_t i = 0; i < 2; i++) {
		thief.nonce = captured[i];
		rig_register(&rig, &thief);
		ck_assert_int_eq(rig.answer.reason, REASON_NONCE_REPLAYED);
		ck_assert_uint_eq(rig.record.binding_count, 1);
	}
	rig.now_ms = RIG_NOW_MS + 86460 * 1000;
	thief.nonce = ahead;
	rig_register(&rig, &thief);
	ck_assert_int_eq(rig.answer.reason, REASON_NONCE_REPLAYED);
	rig_close(&rig);
}
END_TEST

/* The same, and the keys of the cluster went in the moment between: nothing is stored. */
START_TEST(a_floor_that_lies_ahead_without_keys)
{
	rig_open(&rig);
	rig.record.mark_floor_s = RIG_NOW_MS / 1000 + 86400;
	enum register_next next = rig_begin(&rig, &(struct rig_request){ FIELDS("Contact: " C1) });
	ck_assert_int_eq(next, REGISTER_LOOKUP);
	rig.keys.count = 0;
	rig_run(&rig, next);
	ck_assert_int_eq(rig.answer.status, 503);
	ck_assert_uint_eq(rig.committed, 0);
	rig_close(&rig);
}
END_TEST

/* AUT-7616-5.5-1, ORD-36, ORD-38: who may not register the address puts no mark there */
START_TEST(a_floor_that_lies_ahead_is_no_stranger_s_business)
{
	rig_open(&rig);
	rig.record.mark_floor_s = RIG_NOW_MS / 1000 + 86400;
	REGISTER(.password = STR("wrong"));
	ck_assert_int_eq(rig.answer.reason, REASON_BAD_PASSWORD);
	REGISTER(.login = STR("bob"), .password = STR("bob's"));
	ck_assert_int_eq(rig.answer.status, 403);
	ck_assert_uint_eq(rig.committed, 0);
	ck_assert_uint_eq(rig.record.mark_count, 0);
	rig_close(&rig);
}
END_TEST

/* REG-DB-1, REG-10.3-7: deciding changes neither the record nor anything else */
START_TEST(deciding_has_no_side_effects)
{
	rig_open(&rig);
	rig_given(&rig, STR(C1));
	rig_given(&rig, STR("<sip:alice@192.0.2.11>"));
	struct binding before[2];
	memcpy(before, rig.record.bindings, sizeof(before));
	struct rig_request request = { FIELDS("Contact: " C1 ";expires=0, <sip:b@h>") };
	ck_assert_int_eq(rig_begin(&rig, &request), REGISTER_LOOKUP);
	struct record record = rig.record;
	record.account = rig.accounts[0];
	struct stats counted = *stats;
	for (int round = 0; round < 3; round++) {
		ck_assert_int_eq(register_decide(&rig.registration, LOOKUP_FOUND, &record),
				 REGISTER_COMMIT);
		ck_assert_int_eq(rig.registration.version, record.version);
		ck_assert_uint_eq(rig.registration.after.binding_count, 2);
	}
	ck_assert_mem_eq(before, rig.record.bindings, sizeof(before));
	ck_assert_mem_eq(&counted, stats, sizeof(counted));
	rig_close(&rig);
}
END_TEST

/* REG-10.3.7-10: a repetition with the same count is answered without a commit, but not before a
 * look-up that waits for the standby as one does (REG-DB-7); one with a fresh count stores the
 * count and nothing else */
START_TEST(repetitions_store_only_counts)
{
	rig_open(&rig);
	REGISTER(FIELDS("Contact: " C1));
	struct str nonce = rig.nonce;
	struct binding before = rig.record.bindings[0];
	REGISTER(FIELDS("Contact: " C1), .nonce = nonce);
	ck_assert_int_eq(rig.answer.status, 200);
	ck_assert_uint_eq(rig.committed, 0);
	ck_assert(rig.registration.sure);
	REGISTER(FIELDS("Contact: " C1), .nonce = nonce, .nc = 2);
	ck_assert_int_eq(rig.answer.status, 200);
	ck_assert_uint_eq(rig.committed, 1);
	ck_assert_mem_eq(&before, &rig.record.bindings[0], sizeof(before));
	ck_assert_uint_eq(rig.record.marks[0].nc, 2);
	rig_close(&rig);
}
END_TEST

/* D-04, SEC-26.1.5-1: a copy with the same count proves nothing when it comes from elsewhere than
 * any of the bindings that it made; another port is the same client, and so is a new count */
START_TEST(a_copy_from_elsewhere_proves_nothing)
{
	static const struct {
		const char *source;
		uint32_t nc;
		bool unproved;
	} cases[] = { { "192.0.2.10:5062", 1, false },
		      { "192.0.2.10:5099", 1, false },
		      { "192.0.2.11:5062", 1, true },
		      { "192.0.2.11:5062", 2, false } };
	for (uint32_t moved = 0; moved < 2; moved++) {
		rig_open(&rig);
		REGISTER(FIELDS("Contact: " C1 ", " C2));
		struct str nonce = rig.nonce;
		for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
			REGISTER(FIELDS("Contact: " C1 ", " C2), .nonce = nonce, .nc = cases[i].nc,
				 .source = str_of(cases[i].source));
			ck_assert_int_eq(rig.answer.status, 200);
			ck_assert_msg(rig.registration.unproved == cases[i].unproved, "case %zu",
				      i);
		}
		/* one of both bindings is from elsewhere */
		rig.record.bindings[moved].source = STR("192.0.2.77:5062");
		REGISTER(FIELDS("Contact: " C1 ", " C2), .nonce = nonce, .nc = 2);
		ck_assert_msg(rig.registration.unproved, "binding %u", moved);
		rig_close(&rig);
	}
}
END_TEST

/* UAS-8.2-1, SEC-26.1.5-3: an arena that ends too early never leaves half a change, and is no
 * mistake of the client */
START_TEST(memory_runs_out)
{
	rig_open(&rig);
	rig_given(&rig, STR(C1));
	for (size_t bytes = 0;; bytes += 16) {
		struct rig_request request = { FIELDS("Contact: <sip:b@h>;x;expires=90;y"),
					       .cseq = STR("7") };
		ck_assert_int_eq(rig_begin(&rig, &request), REGISTER_LOOKUP);
		struct registration *r = &rig.registration;
		struct record record = rig.record;
		record.account = rig.accounts[0];
		struct arena small;
		arena_init(&small, &rig.pool, bytes);
		r->arena = &small;
		enum register_next next = register_begin(r);
		if (next == REGISTER_LOOKUP)
			next = register_decide(r, LOOKUP_FOUND, &record);
		bool enough = next == REGISTER_COMMIT;
		ck_assert(enough || r->answer.status == 500);
		arena_reset(&small);
		if (enough)
			break;
		ck_assert_uint_lt(bytes, 100000);
	}
	rig_close(&rig);
}
END_TEST

/* The same for requests that change no binding: a query, a repetition, one whose count is used up
 * while the floor lies ahead, one whose contact is its own address. */
START_TEST(memory_runs_out_without_a_change)
{
	const struct rig_request requests[] = {
		{ .call_id = STR("b") },
		{ .call_id = STR("a"), FIELDS("Contact: " C1) },
		{ .call_id = STR("c"), FIELDS("Contact: " C2) },
		{ .call_id = STR("d"), FIELDS("Contact: <sip:%61lice@example.com>") },
	};
	const int statuses[] = { 200, 200, 401, 403 };
	for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
		rig_open(&rig);
		rig_register(&rig, &requests[1]);
		ck_assert_int_eq(rig.answer.status, 200);
		struct rig_request request = requests[i];
		if (i == 1)
			request.nonce = rig.nonce;
		if (i == 2)
			rig.record.mark_floor_s = RIG_NOW_MS / 1000 + 86400;
		ck_assert_int_eq(rig_begin(&rig, &request), REGISTER_LOOKUP);
		struct registration *r = &rig.registration;
		struct record record = rig.record;
		record.account = rig.accounts[0];
		bool enough = false;
		for (size_t bytes = 0; !enough; bytes += 16) {
			struct arena small;
			arena_init(&small, &rig.pool, bytes);
			r->arena = &small;
			r->sure = false;
			enum register_next next = register_begin(r);
			if (next == REGISTER_LOOKUP)
				next = register_decide(r, LOOKUP_FOUND, &record);
			enough = next != REGISTER_REPLY;
			ck_assert_int_eq(r->answer.status, enough ? statuses[i] : 500);
			arena_reset(&small);
			ck_assert_uint_lt(bytes, 100000);
		}
		rig_close(&rig);
	}
}
END_TEST

SUITE(registering, failed_logins_are_alike, another_realm_is_not_stale, long_digest_uris,
      a_digest_uri_names_what_is_served, changes_are_counted_once, changes_are_counted,
      refusals_are_not_counted_as_done, all_contacts_are_judged, a_stored_uri_may_be_none,
      a_stale_nonce_is_no_failure, without_keys_nobody_is_challenged, retry_after_is_spread, jitter,
      the_answer_says_what_was_granted, what_a_binding_stores, a_refresh_keeps_id_and_birth,
      ids_are_distinct, ids_keep_their_random_bits, the_list_fits_a_datagram,
      plain_contacts_have_the_whole_list, what_is_stored_of_an_address_is_limited,
      a_long_row_is_refreshed, the_answer_fits_a_datagram, contacts_of_one_request_are_bounded,
      a_lost_race_sees_the_winner, a_lost_race_may_end_in_a_refusal, a_count_is_won_once,
      no_clock_makes_a_binding_longer, a_stolen_count_is_not_our_commit,
      the_commit_of_a_copy_is_not_ours, a_removal_that_was_lost_is_noticed,
      a_removal_that_landed_is_done, what_landed_and_was_changed_since_is_not_refused,
      what_never_landed_is_done_again, a_commit_is_tried_so_often, what_lands_late_is_done,
      expired_things_are_not_stored_again, a_floor_that_lies_ahead_locks_nobody_out,
      a_floor_that_lies_ahead_without_keys, a_floor_that_lies_ahead_is_no_stranger_s_business,
      deciding_has_no_side_effects, repetitions_store_only_counts,
      a_copy_from_elsewhere_proves_nothing, memory_runs_out, memory_runs_out_without_a_change)
