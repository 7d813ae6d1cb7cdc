/*
 * One count and one event for each outcome (operators.md sections 7 and 8). Only what a stranger
 * can cause at will is held back: failed log-ins are logged once a second for each source and
 * reason, with the number of those in between, and so many a second of all sources.
 */
#include <string.h>

#include "base/log.h"
#include "base/stats.h"
#include "base/table.h"
#include "requests.h"

#define HTTP_TOLD_MS 3600000u

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

/* How many failures the line that may be logged now stands for; 0 when there was one this second,
 * or enough of others. Two sources that meet in a slot take it from each other: a line more, never
 * one less. */
static uint32_t
failures_to_log(struct requests *all, const struct ip *source, enum reason reason)
{
	unsigned hash = table_hash(source, sizeof(*source)) + (unsigned)reason;
	struct failure_slot *slot = &all->failure_slots[hash % FAILURE_SLOTS];
	int64_t second = (int64_t)(loop_now_ms(all->loop) / 1000);
	if (slot->reason != reason || !ip_equal(&slot->source, source))
		*slot = (struct failure_slot){ .source = *source, .reason = reason, .second = -1 };
	if (all->failure_second != second)
		all->failure_lines = 0;
	all->failure_second = second;
	if (slot->second == second || all->failure_lines == FAILURE_LINES) {
		slot->held_back++;
		return 0;
	}
	all->failure_lines++;
	uint32_t count = slot->held_back + 1;
	slot->held_back = 0;
	slot->second = second;
	return count;
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
	log_number(&line, "status", r->answer.status);
	log_endpoint(&line, "src", &rq->peer.source);
	log_word(&line, "transport", transport_word(rq->peer.transport));
	if (count > 0)
		log_number(&line, "count", count);
	if (r->answer.status == 200)
		log_number(&line, "bindings", r->answer.binding_count);
	log_text(&line, "method", rq->message.method_text);
	log_text(&line, "aor", r->aor.key);
	log_text(&line, "user", r->credentials.username);
	log_text(&line, "call_id", rq->message.call_id_text);
	log_text(&line, "agent", sip_message_value(&rq->message, SIP_HEADER_USER_AGENT, &found));
	log_end(&line);
}

void
report_answer(struct requests *all, const struct request *rq, enum reason reason)
{
	stats->outcomes[reason][rq->peer.transport]++;
	limits_failure(all->limits, rq->peer.transport, &rq->peer.source.ip, reason);
	uint32_t count;
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
		count = failures_to_log(all, &rq->peer.source.ip, reason);
		if (count > 0)
			log_outcome(rq, LOG_LEVEL_WARNING, "auth.failed", reason, count);
		return;
	case KIND_REFUSED:
		log_outcome(rq, rq->recognized ? LOG_LEVEL_NOTICE : LOG_LEVEL_DEBUG,
			    "request.refused", reason, 0);
		return;
	}
}

void
report_silence(const struct peer *peer, enum reason reason)
{
	struct log_line line;
	stats->outcomes[reason][peer->transport]++;
	if (reason == REASON_NONE || !log_begin(&line, LOG_LEVEL_DEBUG, "request.dropped"))
		return;
	log_word(&line, "reason", reason_word(reason));
	log_endpoint(&line, "src", &peer->source);
	log_word(&line, "transport", transport_word(peer->transport));
	log_end(&line);
}

/* A health check that was pointed at the wrong port looks for ever like a dead server. */
void
report_foreign(struct requests *all, const struct peer *peer, struct str octets)
{
	struct str line, rest;
	uint64_t now_ms = loop_now_ms(all->loop);
	char source[64];
	str_cut(octets, '\n', &line, &rest);
	if (memmem(line.p, line.len, " HTTP/", 6) == NULL ||
	    (all->http_told_ms != 0 && now_ms - all->http_told_ms < HTTP_TOLD_MS))
		return;
	all->http_told_ms = now_ms;
	struct writer w = writer_on(source, sizeof(source));
	ip_write(&w, &peer->source.ip);
	log_message(LOG_LEVEL_NOTICE, "request.foreign",
		    "HTTP request on sip listener from %.*s; point the health check at port 8081 "
		    "/readyz",
		    STR_ARG(writer_text(&w)));
}
