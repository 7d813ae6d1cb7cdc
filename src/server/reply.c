/*
 * Answers on their way out: built in one scratch buffer, sent where the request came from and
 * nowhere else (RFC 3261 §18.2.2 as D-18 restricts it), and reported.
 */
#include "base/log.h"
#include "base/stats.h"
#include "base/table.h"
#include "registrar/answer.h"
#include "requests.h"
#include "sip/response.h"

_Static_assert(ANSWER_DATAGRAM_MAX == NET_DATAGRAM_MAX, "what is accepted can be answered");

static struct writer
scratch(struct request *rq)
{
	size_t cap = rq->peer.transport == TRANSPORT_UDP ? ANSWER_DATAGRAM_MAX : REPLY_STREAM_MAX;
	return writer_on(rq->all->scratch, cap);
}

static void
note_maddr(const struct request *rq)
{
	struct log_line line;
	if (str_empty(rq->message.via.maddr) ||
	    !log_begin(&line, LOG_LEVEL_DEBUG, "via.maddr_ignored"))
		return;
	peer_log(&line, &rq->peer);
	log_text(&line, "maddr", rq->message.via.maddr);
	log_end(&line);
}

/* "SIP/2.0 200 OK": what we wrote ourselves. */
static unsigned
status_of(struct str response)
{
	uint64_t status = 0;
	str_to_u64(str_slice(response, 8, 3), 999, &status);
	return (unsigned)status;
}

bool
reply_octets(struct request *rq, struct str octets)
{
	struct requests *all = rq->all;
	if (all->net == NULL)
		return false;
	stats->sip_responses[stats_sip_code(status_of(octets))]++;
	if (rq->peer.transport != TRANSPORT_UDP)
		return peer_send(all->net, &rq->peer, NULL, octets);
	struct endpoint target = sip_via_response_target(&rq->message.via, &rq->peer.source);
	rq->peer.proved = rq->peer.proved || rq->recognized;
	note_maddr(rq);
	/* A load balancer knows which client its own address stands for; we could not reach it. */
	return peer_send(all->net, &rq->peer, peer_relayed(&rq->peer) ? NULL : &target, octets);
}

/* SEC-26.1.5-1: whoever forges a source gets no lever out of us. */
static bool
amplifies(const struct request *rq, struct str response)
{
	return rq->peer.transport == TRANSPORT_UDP && !rq->recognized &&
	       response.len > AMPLIFICATION_MAX * rq->size_bytes;
}

static uint64_t
later(uint64_t one_ms, uint64_t other_ms)
{
	return one_ms > other_ms ? one_ms : other_ms;
}

/* A client is its Call-ID (RFC 3261 §10.2). */
static struct carried
carried_by(const struct request *rq)
{
	const struct answer *answer = &rq->registration.answer;
	const struct sip_message *message = &rq->message;
	struct str aor = rq->registration.aor.key;
	struct carried carried = { .whose = table_hash(aor.p, aor.len) };
	carried.whose ^= 31 * table_hash(message->call_id.p, message->call_id.len);
	for (uint32_t i = 0; i < answer->binding_count; i++) {
		const struct binding *binding = &answer->bindings[i];
		int64_t left_ms = binding->expires_ms - answer->now_ms;
		if (left_ms <= 0 || !str_eq(binding->call_id, message->call_id))
			continue;
		uint64_t until_ms = loop_now_ms(rq->all->loop) + (uint64_t)left_ms;
		carried.most_ms = later(carried.most_ms, until_ms);
		if (binding->cseq == message->cseq)
			carried.until_ms = later(carried.until_ms, until_ms);
	}
	return carried;
}

/* A connection over which a binding came is kept until that binding ends (SEC-26.1.5-4). */
static void
carry_bindings(const struct request *rq)
{
	bool changes = rq->message.method == SIP_METHOD_REGISTER &&
		       rq->registration.inspection.contacts.values > 0;
	if (!changes || rq->peer.transport == TRANSPORT_UDP || rq->all->net == NULL)
		return;
	struct carried carried = carried_by(rq);
	peer_carries_binding(rq->all->net, &rq->peer, &carried);
}

static bool
write_answer(struct request *rq, struct writer *w)
{
	*w = scratch(rq);
	return answer_write(w, &rq->registration.answer, rq->registration.policy, &rq->message,
			    &rq->peer.source, str_of(rq->to_tag));
}

static void
count_failure(struct request *rq, enum reason reason)
{
	struct requests *all = rq->all;
	if (limits_failure(all->limits, rq->peer.transport, &rq->peer.source.ip, reason))
		stream_guessed(all, &rq->peer);
}

struct str
reply_send(struct request *rq)
{
	struct answer *answer = &rq->registration.answer;
	struct writer w;
	bool written = write_answer(rq, &w);
	if (!written) {
		*answer = (struct answer){ .status = 500, .reason = REASON_INTERNAL };
		stats->udp_truncated += rq->peer.transport == TRANSPORT_UDP;
		written = write_answer(rq, &w);
	}
	struct str response = written ? writer_text(&w) : STR("");
	enum reason reason = answer->reason;
	if (amplifies(rq, response)) {
		response = STR("");
		reason = REASON_POLICY_SILENCE;
	}
	if (!str_empty(response))
		reply_octets(rq, response);
	if (answer->status == 200)
		carry_bindings(rq);
	report_answer(rq->all, rq, reason);
	count_failure(rq, reason);
	return response;
}

static void
begin(struct request *rq, struct writer *w, int status, struct str to_tag)
{
	*w = scratch(rq);
	sip_response_begin(w, &rq->message, &rq->peer.source, status, NULL, to_tag,
			   rq->all->settings.policy->server_header);
}

void
reply_cancel(struct request *rq, const struct transaction *cancelled)
{
	struct writer w;
	if (cancelled != NULL)
		begin(rq, &w, 200, transaction_to_tag(cancelled));
	else
		begin(rq, &w, 481, str_of(rq->to_tag));
	sip_response_end(&w);
	if (!writer_ok(&w) || amplifies(rq, writer_text(&w))) {
		report_silence(&rq->peer, REASON_POLICY_SILENCE);
		return;
	}
	reply_octets(rq, writer_text(&w));
	report_answer(rq->all, rq, REASON_NONE);
}

/* The client's number and, behind it, the delay in seconds (RFC 3261 §8.2.6.1, §20.38). */
static void
write_timestamp(struct request *rq, struct writer *w)
{
	bool found;
	struct str value = sip_message_value(&rq->message, SIP_HEADER_TIMESTAMP, &found);
	struct str number, delay;
	str_cut(value, ' ', &number, &delay);
	for (size_t i = 0; i < number.len; i++)
		found = found && (number.p[i] == '.' || (number.p[i] >= '0' && number.p[i] <= '9'));
	if (!found || str_empty(number))
		return;
	uint64_t delay_ms = loop_now_ms(rq->all->loop) - rq->arrived_ms;
	writer_text_z(w, "Timestamp: ");
	writer_str(w, number);
	writer_printf(w, " %llu.%03llu\r\n", (unsigned long long)(delay_ms / 1000),
		      (unsigned long long)(delay_ms % 1000));
}

void
reply_trying(struct request *rq)
{
	struct writer w;
	begin(rq, &w, 100, STR(""));
	write_timestamp(rq, &w);
	sip_response_end(&w);
	if (!writer_ok(&w))
		return;
	reply_octets(rq, writer_text(&w));
	if (rq->transaction != NULL)
		transaction_proceeding(rq->all->transactions, rq->transaction, writer_text(&w));
}
