/*
 * A seat for each address-of-record that is being worked on, found by its key; behind the one who
 * sits, a line for each source that waits, and the lines take turns. Seats and lines come from
 * pools made at start, one for each possible request, so entering allocates nothing; their memory
 * is touched as they are used.
 */
#include "server/gate.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/chain.h"
#include "base/table.h"

/* Of a source. What somebody forged must not take the places of whom he names. */
enum sort { SORT_FORGEABLE, SORT_PROVED, SORT_EXEMPT, SORT_COUNT };

struct line {
	struct list link; /* in its seat, next turn first; or in the pool */
	struct ip source;
	unsigned count;
	enum sort sort;
	struct list waiting; /* passes, oldest first */
};

struct seat {
	struct chain_link chain; /* by key */
	struct seat *next;	 /* in the pool */
	struct str key;		 /* that of the pass inside */
	struct gate_pass *inside;
	struct list lines;
	unsigned line_counts[SORT_COUNT];
	bool letting_in;
};

struct gate {
	struct chains chains;
	size_t capacity; /* of each pool */
	struct seat *seats;
	struct line *lines;
	size_t seats_used; /* from here on nobody has touched them */
	size_t lines_used;
	struct seat *free_seats;
	struct list free_lines;
};

struct gate *
gate_open(size_t capacity)
{
	struct gate *gate = calloc(1, sizeof(*gate));
	if (gate == NULL)
		return NULL;
	bool made = chains_open(&gate->chains, capacity);
	gate->seats = calloc(capacity, sizeof(*gate->seats));
	gate->lines = calloc(capacity, sizeof(*gate->lines));
	if (!made || gate->seats == NULL || gate->lines == NULL) {
		gate_close(gate);
		return NULL;
	}
	gate->capacity = capacity;
	list_init(&gate->free_lines);
	return gate;
}

void
gate_close(struct gate *gate)
{
	free(gate->lines);
	free(gate->seats);
	chains_close(&gate->chains);
	free(gate);
}

static struct seat *
find_seat(const struct gate *gate, struct str key)
{
	chain_each (link, &gate->chains, table_hash(key.p, key.len)) {
		struct seat *seat = container_of(link, struct seat, chain);
		if (str_eq(seat->key, key))
			return seat;
	}
	return NULL;
}

static void
give_seat_back(struct gate *gate, struct seat *seat)
{
	chain_remove(&seat->chain);
	seat->next = gate->free_seats;
	gate->free_seats = seat;
}

/* NULL when all are taken. */
static struct seat *
free_seat(struct gate *gate)
{
	struct seat *seat = gate->free_seats;
	if (seat != NULL)
		gate->free_seats = seat->next;
	else if (gate->seats_used < gate->capacity)
		seat = &gate->seats[gate->seats_used++];
	return seat;
}

static enum gate_answer
sit_down(struct gate *gate, struct gate_pass *pass)
{
	struct seat *seat = free_seat(gate);
	if (seat == NULL)
		return GATE_FULL;
	seat->key = pass->key;
	seat->inside = pass;
	seat->letting_in = false;
	memset(seat->line_counts, 0, sizeof(seat->line_counts));
	list_init(&seat->lines);
	chain_add(&gate->chains, table_hash(pass->key.p, pass->key.len), &seat->chain);
	pass->seat = seat;
	return GATE_ENTERED;
}

static enum sort
sort_of(const struct gate_pass *pass)
{
	if (pass->exempt)
		return SORT_EXEMPT;
	return pass->proved ? SORT_PROVED : SORT_FORGEABLE;
}

static struct line *
find_line(struct seat *seat, const struct gate_pass *pass)
{
	list_each (node, &seat->lines) {
		struct line *line = container_of(node, struct line, link);
		if (line->sort == sort_of(pass) && ip_equal(&line->source, &pass->source))
			return line;
	}
	return NULL;
}

/* NULL when all are taken. */
static struct line *
free_line(struct gate *gate)
{
	struct list *node = list_first(&gate->free_lines);
	if (node == NULL)
		return gate->lines_used < gate->capacity ? &gate->lines[gate->lines_used++] : NULL;
	list_remove(node);
	return container_of(node, struct line, link);
}

/* A new line at the end. NULL when the pool is empty. */
static struct line *
begin_line(struct gate *gate, struct seat *seat, const struct gate_pass *pass)
{
	struct line *line = free_line(gate);
	if (line == NULL)
		return NULL;
	line->source = pass->source;
	line->count = 0;
	line->sort = sort_of(pass);
	list_init(&line->waiting);
	list_append(&seat->lines, &line->link);
	seat->line_counts[line->sort]++;
	return line;
}

enum gate_answer
gate_enter(struct gate *gate, struct gate_pass *pass)
{
	struct seat *seat = find_seat(gate, pass->key);
	if (seat == NULL)
		return sit_down(gate, pass);
	struct line *line = find_line(seat, pass);
	if (line == NULL) {
		enum sort sort = sort_of(pass);
		if (sort != SORT_EXEMPT && seat->line_counts[sort] >= GATE_SOURCES_WAITING)
			return sort == SORT_FORGEABLE ? GATE_CROWD : GATE_FULL;
		line = begin_line(gate, seat, pass);
	}
	if (line == NULL || (line->count >= GATE_WAITING_PER_SOURCE && !pass->exempt))
		return GATE_FULL;
	line->count++;
	pass->seat = seat;
	list_append(&line->waiting, &pass->link);
	return GATE_WAIT;
}

/* The oldest pass of the line whose turn it is; the line goes to the end, or away when empty. */
static struct gate_pass *
next_pass(struct gate *gate, struct seat *seat)
{
	struct list *first = list_first(&seat->lines);
	if (first == NULL)
		return NULL;
	struct line *line = container_of(first, struct line, link);
	struct list *oldest = list_first(&line->waiting);
	list_remove(oldest);
	list_remove(&line->link);
	if (--line->count > 0) {
		list_append(&seat->lines, &line->link);
	} else {
		list_append(&gate->free_lines, &line->link);
		seat->line_counts[line->sort]--;
	}
	return container_of(oldest, struct gate_pass, link);
}

void
gate_leave(struct gate *gate, struct gate_pass *pass)
{
	struct seat *seat = pass->seat;
	assert(seat->inside == pass);
	seat->inside = NULL;
	if (seat->letting_in)
		return; /* the loop below, which called enter(), goes on */
	seat->letting_in = true;
	struct gate_pass *next;
	while (seat->inside == NULL && (next = next_pass(gate, seat)) != NULL) {
		seat->inside = next;
		seat->key = next->key;
		next->enter(next);
	}
	seat->letting_in = false;
	if (seat->inside == NULL)
		give_seat_back(gate, seat);
}
