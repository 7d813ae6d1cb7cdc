/*
 * Answers on the wire: which code carries which fields (requirements 8.2). What was decided lies
 * in struct answer; nothing is decided here.
 */
#include "registrar/answer.h"

#include "auth/challenge.h"
#include "base/clock.h"
#include "sip/response.h"

void
answer_fault(struct answer *answer, enum sip_fault fault)
{
	answer->status = sip_fault_status(fault);
	answer->phrase = sip_fault_phrase(fault);
	answer->reason = sip_fault_reason(fault);
	answer->allow = answer->status == 501;
}

void
answer_unavailable(struct answer *answer, enum reason reason, const struct policy *policy,
		   uint32_t random)
{
	answer->status = 503;
	answer->reason = reason;
	answer->retry_after_s = policy_retry_after_s(policy, random);
}

static void
write_number(struct writer *w, const char *name, uint64_t value)
{
	writer_text_z(w, name);
	writer_str(w, STR(": "));
	writer_u64(w, value);
	writer_str(w, STR("\r\n"));
}

static void
write_warning(struct writer *w, const struct answer *answer)
{
	writer_str(w, STR("Warning: "));
	writer_u64(w, (uint64_t)answer->warning);
	writer_char(w, ' ');
	writer_str(w, answer->warning_agent);
	writer_text_z(w, answer->warning == 381 ? " \"SIPS Required\"\r\n"
						: " \"SIPS Not Allowed\"\r\n");
}

/* What is understood, by kind (RFC 3261 §11.2, D-28, D-29). No body is understood, which an empty
 * Accept says, and an empty Supported says the same of extensions. */
static void
write_capabilities(struct writer *w, const struct answer *answer, const struct policy *policy)
{
	if (answer->allow)
		sip_response_header(w, STR("Allow"), STR(SIP_ALLOW));
	if (answer->accept)
		sip_response_header(w, STR("Accept"), STR(""));
	if (answer->accept_encoding)
		sip_response_header(w, STR("Accept-Encoding"), STR("identity"));
	if (answer->accept_language)
		sip_response_header(w, STR("Accept-Language"), STR("en"));
	if (answer->supported)
		sip_response_header(w, STR("Supported"),
				    policy->path == PATH_OFF ? STR("") : STR("path"));
}

/* Seconds left, rounded up: what was just granted comes out exactly, what lives still has one. But
 * never more than was asked for, when the clock of another node that wrote it is ahead of ours by
 * some milliseconds (RFC 3261 §10.3 step 7). */
static uint64_t
seconds_left(const struct binding *binding, int64_t now_ms)
{
	int64_t left_ms = binding->expires_ms - now_ms;
	uint64_t left_s = left_ms <= 0 ? 1 : ((uint64_t)left_ms + 999) / 1000;
	bool longer = binding->requested_s > 0 && left_s > binding->requested_s;
	return longer ? binding->requested_s : left_s;
}

/* Always in angle brackets, one value a row: no reader can take parameters of the URI for those of
 * the field (RFC 3261 §20.10). */
static void
write_contact(struct writer *w, const struct binding *binding, int64_t now_ms)
{
	writer_str(w, STR("Contact: "));
	if (!str_empty(binding->display)) {
		writer_str(w, binding->display);
		writer_char(w, ' ');
	}
	writer_char(w, '<');
	writer_str(w, binding->uri);
	writer_char(w, '>');
	writer_str(w, binding->params);
	writer_str(w, STR(";expires="));
	writer_u64(w, seconds_left(binding, now_ms));
	writer_str(w, STR("\r\n"));
}

static void
write_fields(struct writer *w, const struct answer *answer, const struct policy *policy)
{
	if (answer->challenge != NULL)
		challenge_write(w, answer->challenge->name, str_of(answer->nonce),
				&answer->challenge->offer, answer->stale);
	if (!str_empty(answer->unsupported))
		sip_response_header(w, STR("Unsupported"), answer->unsupported);
	if (answer->min_expires_s > 0)
		write_number(w, "Min-Expires", answer->min_expires_s);
	if (answer->retry_after_s > 0)
		write_number(w, "Retry-After", answer->retry_after_s);
	if (answer->warning != 0)
		write_warning(w, answer);
	write_capabilities(w, answer, policy);
	if (!str_empty(answer->path))
		sip_response_header(w, STR("Path"), answer->path);
	if (!str_empty(answer->service_route))
		sip_response_header(w, STR("Service-Route"), answer->service_route);
	for (uint32_t i = 0; i < answer->binding_count; i++)
		write_contact(w, &answer->bindings[i], answer->now_ms);
	if (answer->date) {
		char date[30];
		clock_rfc1123(answer->now_ms, date);
		sip_response_header(w, STR("Date"), str_of(date));
	}
}

bool
answer_write(struct writer *w, const struct answer *answer, const struct policy *policy,
	     const struct sip_message *request, const struct endpoint *source, struct str to_tag)
{
	/* A challenge goes to anybody who asks, so it is kept short (SEC-26.1.5-1). */
	struct str server = answer->challenge == NULL ? policy->server_header : STR("");
	sip_response_begin(w, request, source, answer->status, answer->phrase, to_tag, server);
	write_fields(w, answer, policy);
	sip_response_end(w);
	return writer_ok(w);
}
