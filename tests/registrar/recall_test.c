/* Memory may say yes; whatever else there is to say is left to the database. */
#include "registrar/register.h"
#include "registrar/rig.h"
#include "support/check_main.h"

static struct rig rig;
static struct record remembered;

#define C1 "<sip:alice@192.0.2.10:5062>"
#define FIELDS(text) .fields = STR(text "\r\n")
#define RECALL(...) recall(&(struct rig_request){ __VA_ARGS__ })

static void
begin(void)
{
	rig_open(&rig);
	rig_given(&rig, STR("<sip:alice@192.0.2.11:5062>"));
	remembered = rig.record;
	remembered.account = rig.accounts[0];
}

static enum register_next
recall(const struct rig_request *request)
{
	ck_assert_int_eq(rig_begin(&rig, request), REGISTER_LOOKUP);
	return register_recall(&rig.registration, &remembered);
}

/* One trip instead of two. */
START_TEST(what_is_accepted_goes_straight_to_the_commit)
{
	begin();
	ck_assert_int_eq(RECALL(FIELDS("Contact: " C1)), REGISTER_COMMIT);
	const struct registration *r = &rig.registration;
	ck_assert_int_eq(r->answer.status, 200);
	ck_assert_int_eq(r->answer.reason, REASON_REGISTERED);
	ck_assert_int_eq(r->version, remembered.version);
	ck_assert_uint_eq(r->after.binding_count, 2);
	ck_assert_uint_eq(r->after.mark_count, 1);
	ck_assert_uint_eq(r->after.marks[0].nc, 1);
	ck_assert_int_eq(register_finish(&rig.registration, COMMIT_DONE), REGISTER_REPLY);
	ck_assert_int_eq(r->answer.status, 200);
	rig_close(&rig);
}
END_TEST

START_TEST(a_query_is_read)
{
	begin();
	ck_assert_int_eq(RECALL(0), REGISTER_LOOKUP);
	rig_close(&rig);
}
END_TEST

/* AUT-22.1-4: the password may have been changed */
START_TEST(a_wrong_password_is_looked_up)
{
	begin();
	ck_assert_int_eq(RECALL(.password = STR("wrong"), FIELDS("Contact: " C1)), REGISTER_LOOKUP);
	remembered.account.enabled = false;
	ck_assert_int_eq(RECALL(FIELDS("Contact: " C1)), REGISTER_LOOKUP);
	rig_close(&rig);
}
END_TEST

/* Whatever changes another address's account does not raise the version of this one. */
START_TEST(only_an_address_s_own_account_is_remembered)
{
	begin();
	remembered.account = rig.accounts[2];
	ck_assert_int_eq(
		RECALL(.login = STR("gateway"), .password = STR("gw"), FIELDS("Contact: " C1)),
		REGISTER_LOOKUP);
	rig_close(&rig);
}
END_TEST

START_TEST(an_address_that_is_none_is_looked_up)
{
	begin();
	remembered.exists = false;
	ck_assert_int_eq(RECALL(FIELDS("Contact: " C1)), REGISTER_LOOKUP);
	remembered.exists = true;
	remembered.account.aor = STR("");
	ck_assert_int_eq(RECALL(.to = STR("<sip:alice@other.example>"), FIELDS("Contact: " C1)),
			 REGISTER_LOOKUP);
	rig_close(&rig);
}
END_TEST

/* AUT-7616-3.4-3: a count that was used is refused by the database alone */
START_TEST(a_used_count_is_looked_up)
{
	begin();
	ck_assert_int_eq(RECALL(.nc = 5, FIELDS("Contact: " C1)), REGISTER_COMMIT);
	struct nonce_mark mark = rig.registration.after.marks[0];
	remembered.marks = &mark;
	remembered.mark_count = 1;
	struct str nonce = rig.nonce;
	for (uint32_t nc = 4; nc <= 5; nc++)
		ck_assert_int_eq(RECALL(.nonce = nonce, .nc = nc, FIELDS("Contact: " C1)),
				 REGISTER_LOOKUP);
	ck_assert_int_eq(RECALL(.nonce = nonce, .nc = 6, FIELDS("Contact: " C1)), REGISTER_COMMIT);
	ck_assert_uint_eq(rig.registration.after.marks[0].nc, 6);
	rig_close(&rig);
}
END_TEST

/* A repetition is answered with what is there now. */
START_TEST(a_repetition_is_looked_up)
{
	begin();
	rig_register(&rig, &(struct rig_request){ FIELDS("Contact: " C1) });
	ck_assert_int_eq(rig.answer.status, 200);
	struct account account = remembered.account;
	remembered = rig.record;
	remembered.account = account;
	ck_assert_int_eq(RECALL(FIELDS("Contact: " C1)), REGISTER_LOOKUP);
	ck_assert_int_eq(RECALL(.cseq = STR("2"), FIELDS("Contact: " C1)), REGISTER_COMMIT);
	ck_assert_int_eq(rig.registration.answer.reason, REASON_REFRESHED);
	ck_assert(!rig.registration.repetition);
	rig_close(&rig);
}
END_TEST

START_TEST(refusals_are_looked_up)
{
	begin();
	ck_assert_int_eq(RECALL(FIELDS("Contact: " C1 ";expires=5")), REGISTER_LOOKUP);
	ck_assert_int_eq(RECALL(FIELDS("Contact: *")), REGISTER_LOOKUP);
	ck_assert_int_eq(RECALL(FIELDS("Contact: " C1 "\r\nPath: <sip:p.example.com;lr>")),
			 REGISTER_LOOKUP);
	rig_close(&rig);
}
END_TEST

/* What memory left behind does not colour what the database says. */
START_TEST(the_look_up_decides_anew)
{
	begin();
	ck_assert_int_eq(RECALL(FIELDS("Contact: " C1 ";expires=5")), REGISTER_LOOKUP);
	rig_run(&rig, REGISTER_LOOKUP);
	ck_assert_int_eq(rig.answer.status, 423);
	ck_assert_uint_eq(rig.record.binding_count, 1);
	ck_assert_int_eq(RECALL(.call_id = STR("b"), FIELDS("Contact: " C1)), REGISTER_COMMIT);
	ck_assert_int_eq(register_finish(&rig.registration, COMMIT_CONFLICT), REGISTER_LOOKUP);
	rig_run(&rig, REGISTER_LOOKUP);
	ck_assert_int_eq(rig.answer.status, 200);
	ck_assert_uint_eq(rig.record.binding_count, 2);
	rig_close(&rig);
}
END_TEST

START_TEST(memory_runs_out_while_recalling)
{
	begin();
	struct rig_request request = { FIELDS("Contact: " C1) };
	ck_assert_int_eq(rig_begin(&rig, &request), REGISTER_LOOKUP);
	for (size_t bytes = 0;; bytes += 16) {
		struct arena small;
		arena_init(&small, &rig.pool, bytes);
		rig.registration.arena = &small;
		enum register_next next = register_recall(&rig.registration, &remembered);
		arena_reset(&small);
		if (next == REGISTER_COMMIT)
			break;
		ck_assert_int_eq(next, REGISTER_LOOKUP);
		ck_assert_uint_lt(bytes, 100000);
	}
	rig_close(&rig);
}
END_TEST

SUITE(recalling, what_is_accepted_goes_straight_to_the_commit, a_query_is_read,
      a_wrong_password_is_looked_up, only_an_address_s_own_account_is_remembered,
      an_address_that_is_none_is_looked_up, a_used_count_is_looked_up, a_repetition_is_looked_up,
      refusals_are_looked_up, the_look_up_decides_anew, memory_runs_out_while_recalling)
