/*
 * One count and one event for each outcome (docs/operations.md, "Logs"). What anybody can cause at
 * will is held back: failed log-ins and refusals, once a second for each source and reason, and
 * those of whom nobody knows apart from the others, so that a flood of them hides no user's.
 */
#include <string.h>

#include "base/log.h"
#include "base/stats.h"
#include "requests.h"

#define HTTP_TOLD_MS 3600000u
#define ASKED_PART_MAX 300u /* more than the log shows of a value */

enum kind { KIND_SILENT, KIND_REGISTRATION, KIND_CHALLENGE, KIND_FAILED, KIND_REFUSED };

static enum kind
kind_of(enum reason reason)
{
	switch (reason) {
	case REASON_NONE:
		return KIND_SILENT;
	case REASON_REGISTERED:
	case REASON_REFRESHED:
	case REASON_REMOVED:
	case REASON_FETCHED:
		return KIND_REGISTRATION;
	case REASON_CHALLENGED:
	case REASON_NONCE_STALE:
		return KIND_CHALLENGE;
	case REASON_UNKNOWN_USER:
	case REASON_BAD_PASSWORD:
	case REASON_USER_DISABLED:
	case REASON_ALGORITHM_MISMATCH:
	case REASON_REALM_MISMATCH:
	case REASON_NONCE_INVALID:
	case REASON_NONCE_REPLAYED:
	case REASON_URI_MISMATCH:
	case REASON_IDENTITY_MISMATCH:
		return KIND_FAILED;
	default:
		return KIND_REFUSED;
	}
}

/* Which address the request was about; one that was refused before it had an address-of-record has
 * what its To says, so that whoever looks for a phone finds it by its mistyped domain. */
static void
log_aor(struct log_line *line, const struct request *rq)
{
	char text[2 * ASKED_PART_MAX + 1];
	struct writer w = writer_on(text, sizeof(text));
	const struct sip_uri *to = &rq->message.to.uri;
	struct str key = rq->registration.aor.key;
	if (str_empty(key) && to->has_user) {
		writer_str(&w, str_slice(to->user, 0, ASKED_PART_MAX));
		writer_char(&w, '@');
		writer_str(&w, str_slice(to->host.text, 0, ASKED_PART_MAX));
		key = writer_text(&w);
	}
	log_user(line, "aor", key);
}

static void
log_outcome(const struct request *rq, enum log_level level, const char *event, enum reason reason,
	    uint32_t count)
{
	struct log_line line;
	if (!log_begin(&line, level, event))
		return;
	const struct registration *r = &rq->registration;
	bool found;
	log_word(&line, "reason", reason_word(reason));
	peer_log(&line, &rq->peer);
	log_word(&line, "transport", transport_word(rq->peer.transport));
	log_number(&line, "status", r->answer.status);
	log_count(&line, count);
	if (r->answer.status == 200)
		log_number(&line, "bindings", r->answer.binding_count);
	log_user(&line, "user", r->credentials.username);
	log_aor(&line, rq);
	log_text(&line, "method", rq->message.method_text);
	log_opaque(&line, "call_id", rq->message.call_id_text);
	log_text(&line, "agent", sip_message_value(&rq->message, SIP_HEADER_USER_AGENT, &found));
	log_end(&line);
}

static enum stats_outcome
outcome_of(const struct request *rq, enum reason reason)
{
	switch (kind_of(reason)) {
	case KIND_REGISTRATION:
		return OUTCOME_OK;
	case KIND_CHALLENGE:
		return OUTCOME_CHALLENGED;
	case KIND_FAILED:
		return OUTCOME_FAILED;
	case KIND_SILENT:
	case KIND_REFUSED:
		break;
	}
	return rq->registration.answer.status >= 500 ? OUTCOME_UNAVAILABLE : OUTCOME_REFUSED;
}

static void
count(const struct requests *all, const struct request *rq, enum reason reason)
{
	const struct domain *domain = rq->registration.inspection.domain;
	stats_outcome(reason, rq->peer.transport, domain == NULL ? DOMAIN_OTHER : domain->label);
	if (rq->message.method == SIP_METHOD_REGISTER)
		observe_registration_duration(outcome_of(rq, reason),
					      loop_now_us(all->loop) - rq->arrived_us);
}

static void
log_quietly(struct requests *all, struct quiet *quiet, const struct request *rq,
	    enum log_level level, const char *event, enum reason reason)
{
	uint32_t count = quiet_count(quiet, &rq->peer.source.ip, reason, loop_now_ms(all->loop));
	if (count > 0)
		log_outcome(rq, level, event, reason, count);
}

/*
 * A phone that is refused before it has proved who it is would be found nowhere else. What is our
 * own trouble has events of its own, and would be told for every phone.
 */
static void
log_refusal(struct requests *all, const struct request *rq, enum reason reason)
{
	static const char event[] = "request.refused";
	bool of_phone =
		rq->message.method == SIP_METHOD_REGISTER && rq->registration.answer.status < 500;
	if (rq->recognized)
		log_quietly(all, &all->refused_log, rq, LOG_LEVEL_NOTICE, event, reason);
	else if (of_phone)
		log_quietly(all, &all->stranger_log, rq, LOG_LEVEL_NOTICE, event, reason);
	else
		log_outcome(rq, LOG_LEVEL_DEBUG, event, reason, 0);
}

void
report_answer(struct requests *all, const struct request *rq, enum reason reason)
{
	count(all, rq, reason);
	switch (kind_of(reason)) {
	case KIND_SILENT:
		return;
	case KIND_REGISTRATION:
		log_outcome(rq, LOG_LEVEL_INFO, "registration", reason, 0);
		return;
	case KIND_CHALLENGE:
		log_outcome(rq, LOG_LEVEL_DEBUG, "auth.challenge", reason, 0);
		return;
	case KIND_FAILED:
		log_quietly(all, &all->failed_log, rq, LOG_LEVEL_WARNING, "auth.failed", reason);
		return;
	case KIND_REFUSED:
		log_refusal(all, rq, reason);
		return;
	}
}

void
report_silence(const struct peer *peer, enum reason reason)
{
	struct log_line line;
	stats_outcome(reason, peer->transport, DOMAIN_OTHER);
	if (reason == REASON_NONE || !log_begin(&line, LOG_LEVEL_DEBUG, "request.dropped"))
		return;
	log_word(&line, "reason", reason_word(reason));
	peer_log(&line, peer);
	log_word(&line, "transport", transport_word(peer->transport));
	log_end(&line);
}

/* A health check that was pointed at the wrong port looks for ever like a dead server. */
bool
report_foreign(struct requests *all, const struct peer *peer, struct str octets)
{
	struct str first, rest;
	struct log_line line;
	uint64_t now_ms = loop_now_ms(all->loop);
	char words[160];
	str_cut(octets, '\n', &first, &rest);
	if (memmem(first.p, first.len, " HTTP/", 6) == NULL)
		return false;
	if (all->http_told_ms != 0 && now_ms - all->http_told_ms < HTTP_TOLD_MS)
		return true;
	all->http_told_ms = now_ms;
	if (!log_begin(&line, LOG_LEVEL_NOTICE, "request.foreign"))
		return true;
	struct writer w = writer_on(words, sizeof(words));
	writer_text_z(&w, "HTTP request on sip listener from ");
	ip_write(&w, &peer->source.ip);
	if (all->settings.health_port != 0)
		writer_printf(&w, "; point the health check at port %u /readyz",
			      all->settings.health_port);
	peer_log(&line, peer);
	log_text(&line, "message", writer_text(&w));
	log_end(&line);
	return true;
}

static enum stats_method
method_index(enum sip_method method)
{
	switch (method) {
	case SIP_METHOD_REGISTER:
		return METHOD_REGISTER;
	case SIP_METHOD_OPTIONS:
		return METHOD_OPTIONS;
	case SIP_METHOD_ACK:
		return METHOD_ACK;
	case SIP_METHOD_CANCEL:
		return METHOD_CANCEL;
	case SIP_METHOD_KNOWN:
	case SIP_METHOD_UNKNOWN:
		break;
	}
	return METHOD_OTHER;
}

void
report_method(const struct request *rq)
{
	stats->sip_requests[method_index(rq->message.method)]++;
}

/* An exempt source is one that the operator knows of. */
void
report_traffic(struct requests *all, const struct request *rq)
{
	const struct ip *source = &rq->peer.source.ip;
	struct log_line line;
	char words[256];
	if (limits_exempt(all->limits, source))
		return;
	uint32_t share = traffic_note(&all->traffic, source, rq->registration.aor.key,
				      loop_now_ms(all->loop));
	if (share == 0 || !log_begin(&line, LOG_LEVEL_WARNING, "traffic.one_source"))
		return;
	struct writer w = writer_on(words, sizeof(words));
	writer_printf(&w, "%u%% of traffic comes from ", share);
	ip_write(&w, source);
	writer_text_z(&w, "; if that is a load balancer enable proxy_protocol or client address "
			  "preservation");
	peer_log(&line, &rq->peer);
	log_text(&line, "message", writer_text(&w));
	log_end(&line);
}
