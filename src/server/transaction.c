/*
 * Server transactions in two hash tables of fixed size: by branch, as RFC 3261 §17.2.3 matches, and
 * by From tag, Call-ID and CSeq, which finds merged requests (§8.2.2.2) and those of RFC 2543.
 * A transaction is one block with copies of what it compares. All of them live 64*T1 after their
 * answer, so one FIFO ends them, and its head is what goes first when memory is short. Anybody can
 * send what one phone is going to send next, but for its branch and its credentials: what has not
 * proved a password is in the way of nobody (docs/decisions/0035).
 */
#include "server/transaction.h"

#include <stdlib.h>

#include "base/chain.h"
#include "base/list.h"
#include "base/stats.h"
#include "base/table.h"
#include "net/timer.h"

/* The tables never grow: one chain for each so many octets of the limit, which is less than a
 * transaction takes, keeps most chains empty. A million transactions are in no cache, so each one
 * that a search looks at costs more than the rest of it. */
#define BYTES_PER_CHAIN 512u
#define CHAINS_MAX (1u << 20)

struct transactions {
	struct list all;
	struct fifo completed;
	struct chains by_branch;
	struct chains by_identity;
	uint64_t count;
	uint64_t used_bytes;
	uint64_t limit_bytes;
};

struct transaction {
	struct chain_link branch_link;	 /* first what a search that finds nothing reads */
	struct chain_link identity_link; /* when carried out, or without the cookie */
	struct transaction_key key;
	struct list link;
	struct fifo_entry kept; /* once answered */
	bool has_cookie;
	bool carried_out;
	uint8_t repeats; /* of the request */
	struct ip source;
	uint32_t cseq;
	struct str branch;
	struct str sent_by;
	struct str method;
	struct str from_tag;
	struct str call_id;
	struct str to;	/* its URI as written, for merged requests only */
	struct str uri; /* this and the next two for RFC 2543 matching only */
	struct str via;
	struct str request_to_tag;
	struct str to_tag;
	struct str response; /* a block of its own */
	size_t octets;	     /* of the request */
	size_t size;	     /* of this block */
	char text[];
};

static void
forget(struct transactions *table, struct transaction *transaction)
{
	chain_remove(&transaction->branch_link);
	chain_remove(&transaction->identity_link);
	list_remove(&transaction->link);
	fifo_stop(&transaction->kept);
	table->used_bytes -= transaction->size + transaction->response.len;
	table->count--;
	stats->transactions_live = table->count;
	/* The caller may still be sending the response of a TRANSACTION_ANSWERED: turn's end. */
	loop_release(table->completed.loop, (void *)(uintptr_t)transaction->response.p);
	loop_release(table->completed.loop, transaction);
}

static void
keep_over(struct fifo *fifo, struct fifo_entry *entry)
{
	forget(container_of(fifo, struct transactions, completed),
	       container_of(entry, struct transaction, kept));
}

struct transactions *
transactions_open(struct loop *loop, uint64_t memory_bytes)
{
	uint64_t chains = memory_bytes / BYTES_PER_CHAIN;
	if (chains > CHAINS_MAX)
		chains = CHAINS_MAX;
	struct transactions *table = calloc(1, sizeof(*table));
	if (table == NULL)
		return NULL;
	table->limit_bytes = memory_bytes;
	list_init(&table->all);
	if (!chains_open(&table->by_branch, chains) || !chains_open(&table->by_identity, chains)) {
		chains_close(&table->by_identity);
		chains_close(&table->by_branch);
		free(table);
		return NULL;
	}
	fifo_open(&table->completed, loop, TRANSACTION_KEEP_MS, keep_over);
	return table;
}

void
transactions_configure(struct transactions *table, uint64_t memory_bytes)
{
	table->limit_bytes = memory_bytes;
}

void
transactions_close(struct transactions *table)
{
	struct list *link;
	while ((link = list_first(&table->all)) != NULL)
		forget(table, container_of(link, struct transaction, link));
	fifo_close(&table->completed);
	chains_close(&table->by_identity);
	chains_close(&table->by_branch);
	free(table);
}

/*
 * Hash of text that compares without case, block by block so that no length is special. The bit
 * that tells the cases of a letter apart is set in every octet: what else that makes equal may
 * share a chain.
 */
static unsigned
hash_folded(unsigned seed, struct str text)
{
	struct {
		uint64_t before;
		uint64_t text[15];
	} block = { .before = seed };
	for (size_t done = 0; done < text.len;) {
		size_t left = text.len - done;
		size_t n = left < sizeof(block.text) ? left : sizeof(block.text);
		size_t words = (n + sizeof(uint64_t) - 1) / sizeof(uint64_t);
		block.text[words - 1] = 0;
		memcpy(block.text, text.p + done, n);
		for (size_t i = 0; i < words; i++)
			block.text[i] |= UINT64_C(0x2020202020202020);
		block.before = table_hash(&block, sizeof(block.before) + n);
		done += n;
	}
	return (unsigned)block.before;
}

/* Of the credentials, which a client repeats with its request and nobody else can make for it. */
static unsigned
hash_credentials(const struct sip_message *request)
{
	uint32_t joined[2] = { 0 };
	struct str value;
	for (uint16_t row = request->first[SIP_HEADER_AUTHORIZATION];
	     sip_message_row(request, &row, &value);) {
		joined[1] = table_hash(value.p, value.len);
		joined[0] = table_hash(joined, sizeof(joined));
	}
	return joined[0];
}

struct transaction_key
transaction_key(const struct sip_message *request)
{
	const struct sip_via *via = &request->via;
	/* No operation of ours joins them: whoever chooses the CSeq must not choose the chain. */
	uint32_t joined[] = { table_hash(request->call_id.p, request->call_id.len), request->cseq };
	return (struct transaction_key){
		.branch = hash_folded(hash_folded(0, via->branch), via->sent_by),
		.identity = hash_folded(table_hash(joined, sizeof(joined)), request->from_tag),
		.credentials = sip_via_has_cookie(via) ? 0 : hash_credentials(request),
	};
}

/* A CANCEL is matched as if its method were that of the other request (§9.2). */
static bool
same_method(const struct transaction *transaction, const struct sip_message *request)
{
	return request->method == SIP_METHOD_CANCEL ||
	       str_eq(transaction->method, request->method_text);
}

static bool
same_identity(const struct transaction *transaction, struct transaction_key key,
	      const struct sip_message *request)
{
	return transaction->key.identity == key.identity && transaction->cseq == request->cseq &&
	       str_eq(transaction->call_id, request->call_id) &&
	       str_ieq(transaction->from_tag, request->from_tag) &&
	       same_method(transaction, request);
}

static bool
same_uri(struct str a, struct str b)
{
	struct sip_uri left, right;
	if (str_eq(a, b))
		return true;
	return sip_uri_parse(&left, a) && sip_uri_parse(&right, b) && sip_uri_equal(&left, &right);
}

static struct transaction *
find_by_branch(const struct transactions *table, struct transaction_key key,
	       const struct sip_message *request)
{
	const struct sip_via *via = &request->via;
	chain_each (link, &table->by_branch, key.branch) {
		struct transaction *t = container_of(link, struct transaction, branch_link);
		if (t->key.branch == key.branch && str_ieq(t->branch, via->branch) &&
		    str_ieq(t->sent_by, via->sent_by) && same_method(t, request))
			return t;
	}
	return NULL;
}

/* A CANCEL has none. */
static bool
same_credentials(const struct transaction *transaction, struct transaction_key key,
		 const struct sip_message *request)
{
	return request->method == SIP_METHOD_CANCEL ||
	       transaction->key.credentials == key.credentials;
}

/* Without the cookie of RFC 3261 a branch need not be unique (§17.2.3), and all that is compared
 * can be known before the client sends it. So the credentials are, too. */
static struct transaction *
find_as_rfc2543(const struct transactions *table, struct transaction_key key,
		const struct sip_message *request)
{
	chain_each (link, &table->by_identity, key.identity) {
		struct transaction *t = container_of(link, struct transaction, identity_link);
		if (!t->has_cookie && same_identity(t, key, request) &&
		    same_credentials(t, key, request) && str_ieq(t->via, request->via.text) &&
		    str_ieq(t->request_to_tag, request->to_tag) &&
		    same_uri(t->uri, request->uri_text))
			return t;
	}
	return NULL;
}

enum transaction_match
transaction_find(struct transactions *table, struct transaction_key key,
		 const struct sip_message *request, const struct ip *source,
		 struct transaction **found, struct str *response)
{
	struct transaction *t = sip_via_has_cookie(&request->via)
					? find_by_branch(table, key, request)
					: find_as_rfc2543(table, key, request);
	*found = t;
	if (t == NULL)
		return TRANSACTION_NEW;
	if (str_empty(t->response) || !ip_equal(&t->source, source))
		return TRANSACTION_PENDING;
	*response = t->response;
	return TRANSACTION_ANSWERED;
}

bool
transaction_repeat(struct transaction *transaction, const struct ip *source, size_t octets)
{
	if (octets < transaction->octets || !ip_equal(&transaction->source, source) ||
	    transaction->repeats >= TRANSACTION_REPEATS_MAX)
		return false;
	transaction->repeats++;
	return true;
}

bool
transaction_repeated(const struct transaction *transaction)
{
	return transaction != NULL && transaction->repeats > 0;
}

bool
transaction_merged(const struct transactions *table, struct transaction_key key,
		   const struct sip_message *request)
{
	if (!str_empty(request->to_tag))
		return false;
	chain_each (link, &table->by_identity, key.identity) {
		struct transaction *t = container_of(link, struct transaction, identity_link);
		if (t->carried_out && same_identity(t, key, request) &&
		    str_eq(t->to, request->to.uri.text))
			return true;
	}
	return false;
}

/* Evicts completed transactions, oldest first, until so many octets more are within the limit. */
static bool
make_room(struct transactions *table, size_t bytes)
{
	while (table->used_bytes + bytes > table->limit_bytes) {
		struct list *oldest = list_first(&table->completed.entries);
		if (oldest == NULL)
			return false;
		struct fifo_entry *entry = container_of(oldest, struct fifo_entry, link);
		forget(table, container_of(entry, struct transaction, kept));
		stats->transactions_evicted++;
	}
	return true;
}

/* Each that is found by its identity costs every search for that identity, so the oldest of too
 * many is found no more: the nonce count in its row stands against its repetition. */
static void
add_by_identity(struct transactions *table, struct transaction *transaction)
{
	unsigned alike = 0;
	struct chain_link *oldest = NULL;
	chain_each (link, &table->by_identity, transaction->key.identity) {
		if (container_of(link, struct transaction, identity_link)->key.identity !=
		    transaction->key.identity)
			continue;
		alike++;
		oldest = link;
	}
	if (alike >= TRANSACTIONS_ALIKE_MAX)
		chain_remove(oldest);
	chain_add(&table->by_identity, transaction->key.identity, &transaction->identity_link);
}

/* Moves a copy of s to the end of the text that is filled so far. */
static void
put(struct transaction *transaction, size_t *filled, struct str *place, struct str s)
{
	if (s.len > 0)
		memcpy(transaction->text + *filled, s.p, s.len);
	*place = (struct str){ transaction->text + *filled, s.len };
	*filled += s.len;
}

struct transaction *
transaction_open(struct transactions *table, struct transaction_key key,
		 const struct sip_message *request, size_t octets, const struct ip *source,
		 struct str to_tag)
{
	bool has_cookie = sip_via_has_cookie(&request->via);
	size_t text = request->via.branch.len + request->via.sent_by.len +
		      request->method_text.len + request->from_tag.len + request->call_id.len +
		      request->to.uri.text.len + to_tag.len;
	if (!has_cookie)
		text += request->uri_text.len + request->via.text.len + request->to_tag.len;
	size_t size = sizeof(struct transaction) + text;
	struct transaction *t = make_room(table, size) ? calloc(1, size) : NULL;
	if (t == NULL)
		return NULL;

	size_t filled = 0;
	put(t, &filled, &t->branch, request->via.branch);
	put(t, &filled, &t->sent_by, request->via.sent_by);
	put(t, &filled, &t->method, request->method_text);
	put(t, &filled, &t->from_tag, request->from_tag);
	put(t, &filled, &t->call_id, request->call_id);
	put(t, &filled, &t->to, request->to.uri.text);
	put(t, &filled, &t->to_tag, to_tag);
	if (!has_cookie) {
		put(t, &filled, &t->uri, request->uri_text);
		put(t, &filled, &t->via, request->via.text);
		put(t, &filled, &t->request_to_tag, request->to_tag);
	}
	t->has_cookie = has_cookie;
	t->source = *source;
	t->cseq = request->cseq;
	t->size = size;
	t->octets = octets;
	t->key = key;
	if (has_cookie)
		chain_add(&table->by_branch, key.branch, &t->branch_link);
	else
		add_by_identity(table, t);
	list_append(&table->all, &t->link);
	table->used_bytes += size;
	table->count++;
	stats->transactions_live = table->count;
	return t;
}

static bool
keep_response(struct transactions *table, struct transaction *transaction, struct str response)
{
	table->used_bytes -= transaction->response.len;
	loop_release(table->completed.loop, (void *)(uintptr_t)transaction->response.p);
	transaction->response = (struct str){ 0 };
	char *copy = make_room(table, response.len) ? malloc(response.len) : NULL;
	if (copy == NULL)
		return false;
	memcpy(copy, response.p, response.len);
	transaction->response = (struct str){ copy, response.len };
	table->used_bytes += response.len;
	return true;
}

void
transaction_proceeding(struct transactions *table, struct transaction *transaction,
		       struct str response)
{
	/* Without room for it the next retransmission is absorbed instead: harmless. */
	bool kept = keep_response(table, transaction, response);
	(void)kept;
}

void
transaction_answered(struct transactions *table, struct transaction *transaction,
		     struct str response, bool reliable)
{
	if (reliable || str_empty(response) || !keep_response(table, transaction, response))
		forget(table, transaction);
	else
		fifo_start(&table->completed, &transaction->kept);
}

void
transaction_carried_out(struct transactions *table, struct transaction *transaction)
{
	transaction->carried_out = true;
	if (transaction->has_cookie)
		add_by_identity(table, transaction);
}

bool
transaction_proved(const struct transaction *transaction)
{
	return transaction->carried_out;
}

struct str
transaction_to_tag(const struct transaction *transaction)
{
	return transaction->to_tag;
}

uint64_t
transactions_count(const struct transactions *table)
{
	return table->count;
}

uint64_t
transactions_bytes(const struct transactions *table)
{
	return table->used_bytes;
}
