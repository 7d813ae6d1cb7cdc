/*
 * load: many phones refreshing over UDP, in a closed loop (each slot sends when it is answered) or
 * at a fixed rate (latency counts from when a request was due, so that a slow server cannot hide
 * behind a generator that waits for it). Prints one JSON object.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "histogram.h"

#define SOCKETS_MAX 256
#define SLOTS_MAX 65536
#define RETRANSMIT_US 500000u
#define GIVE_UP_US 8000000u
#define SOCKET_BUFFER (4 << 20)

struct options {
	const char *host;
	uint16_t port;
	uint32_t users;
	uint32_t slots;
	uint32_t sockets;
	double rate; /* a second; 0: closed loop */
	double seconds;
};

/* One request at a time, of the clients slot, slot + slots, slot + 2 slots, … in turn. */
struct slot {
	uint32_t client;
	uint32_t serial;
	uint64_t due_us; /* when it should have been sent */
	uint64_t sent_us;
	uint32_t tries;
	bool busy;
	size_t len;
	char message[CLIENT_MESSAGE_MAX];
};

struct load {
	struct options options;
	struct clients all;
	struct client *clients;
	struct slot *slots;
	uint32_t *free; /* slots that wait for work, the longest waiting first */
	uint32_t free_first, free_count;
	struct pollfd polls[SOCKETS_MAX];
	char local[SOCKETS_MAX][32];
	bool measuring;
	uint64_t registered, challenged, refused, lost, retransmitted;
	unsigned last_refusal;
	struct histogram latency;
};

static uint64_t
now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static _Noreturn void
die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* --- sockets: several, so that the kernel spreads them over the workers ----------------- */

static void
open_socket(struct load *load, uint32_t i)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(load->options.port) };
	struct sockaddr_in own;
	socklen_t len = sizeof(own);
	int buffer = SOCKET_BUFFER, fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	if (inet_pton(AF_INET, load->options.host, &to.sin_addr) != 1) {
		errno = EINVAL;
		die(load->options.host);
	}
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0 ||
	    getsockname(fd, (struct sockaddr *)&own, &len) != 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	load->polls[i] = (struct pollfd){ .fd = fd, .events = POLLIN };
	snprintf(load->local[i], sizeof(load->local[i]), "%s:%u", inet_ntoa(own.sin_addr),
		 ntohs(own.sin_port));
}

static void
transmit(struct load *load, const struct slot *slot)
{
	uint32_t i = (uint32_t)(slot - load->slots) % load->options.sockets;
	/* A full buffer is a lost datagram like any other: it is sent again later. */
	ssize_t sent = send(load->polls[i].fd, slot->message, slot->len, 0);
	(void)sent;
}

/* --- slots ------------------------------------------------------------------------------- */

static void
put_free(struct load *load, uint32_t index)
{
	uint32_t at = (load->free_first + load->free_count++) % load->options.slots;
	load->free[at] = index;
}

static void
write_request(struct load *load, struct slot *slot)
{
	uint32_t index = (uint32_t)(slot - load->slots);
	slot->len = client_register(&load->all, &load->clients[slot->client],
				    load->local[index % load->options.sockets], index,
				    ++slot->serial, slot->message);
	slot->sent_us = now_us();
	slot->tries = 1;
	slot->busy = true;
	transmit(load, slot);
}

static void
begin(struct load *load, uint64_t due_us)
{
	uint32_t index = load->free[load->free_first];
	struct slot *slot = &load->slots[index];
	load->free_first = (load->free_first + 1) % load->options.slots;
	load->free_count--;
	slot->client += load->options.slots;
	if (slot->client >= load->options.users)
		slot->client = index;
	slot->due_us = due_us;
	write_request(load, slot);
}

static void
end(struct load *load, struct slot *slot)
{
	slot->busy = false;
	put_free(load, (uint32_t)(slot - load->slots));
}

static void
take_answer(struct load *load, const char *octets, size_t len)
{
	struct answer answer = client_answer_read(octets, len);
	struct slot *slot = answer.slot < load->options.slots ? &load->slots[answer.slot] : NULL;
	if (answer.status < 200 || slot == NULL || !slot->busy || slot->serial != answer.serial)
		return; /* the answer to a retransmission */
	if (answer.status == 401 &&
	    client_challenged(&load->all, &load->clients[slot->client], octets)) {
		load->challenged += load->measuring;
		write_request(load, slot);
		return;
	}
	if (load->measuring && answer.status == 200) {
		load->registered++;
		histogram_add(&load->latency, now_us() - slot->due_us);
	} else if (load->measuring) {
		load->refused++;
		load->last_refusal = answer.status;
	}
	end(load, slot);
}

static void
receive(struct load *load, int timeout_us)
{
	struct timespec wait = { timeout_us / 1000000, timeout_us % 1000000 * 1000L };
	char octets[65536];
	if (ppoll(load->polls, load->options.sockets, &wait, NULL) <= 0)
		return;
	for (uint32_t i = 0; i < load->options.sockets; i++) {
		ssize_t len;
		if (load->polls[i].revents == 0)
			continue;
		while ((len = recv(load->polls[i].fd, octets, sizeof(octets) - 1, 0)) > 0) {
			octets[len] = '\0';
			take_answer(load, octets, (size_t)len);
		}
	}
}

/* RFC 3261 §17.1.2.2, timer E; what stays without an answer is lost. */
static void
look_after_silence(struct load *load)
{
	uint64_t now = now_us(); /* later than whatever was sent */
	for (uint32_t i = 0; i < load->options.slots; i++) {
		struct slot *slot = &load->slots[i];
		if (!slot->busy || now - slot->sent_us < RETRANSMIT_US * slot->tries)
			continue;
		if (now - slot->sent_us >= GIVE_UP_US) {
			load->lost += load->measuring;
			end(load, slot);
			continue;
		}
		slot->tries *= 2;
		load->retransmitted += load->measuring;
		transmit(load, slot);
	}
}

/* --- runs -------------------------------------------------------------------------------- */

/* Until `count` requests were begun, or until the time is over; then waits for the last answers. */
static void
run(struct load *load, double rate, uint64_t count, double seconds)
{
	uint64_t start = now_us(), stop = start + (uint64_t)(seconds * 1e6), begun = 0, looked = 0;
	for (;;) {
		uint64_t now = now_us();
		bool over = begun >= count || now >= stop;
		while (!over && load->free_count > 0 && begun < count) {
			uint64_t due =
				rate > 0 ? start + (uint64_t)((double)begun / rate * 1e6) : now;
			if (due > now)
				break;
			begin(load, due);
			begun++;
		}
		if (over && load->free_count == load->options.slots)
			return;
		if (now - looked > 20000) {
			look_after_silence(load);
			looked = now;
		}
		uint64_t next = rate > 0 && !over && load->free_count > 0
					? start + (uint64_t)((double)begun / rate * 1e6)
					: now + 20000;
		receive(load, next > now ? (int)(next - now < 20000 ? next - now : 20000) : 0);
	}
}

static void
report(const struct load *load, double seconds)
{
	printf("{\"seconds\":%.2f,\"registered\":%" PRIu64
	       ",\"per_second\":%.0f,\"challenged\":%" PRIu64 ",\"refused\":%" PRIu64
	       ",\"last_refusal\":%u,\"lost\":%" PRIu64 ",\"retransmitted\":%" PRIu64
	       ",\"p50_us\":%" PRIu64 ",\"p90_us\":%" PRIu64 ",\"p99_us\":%" PRIu64
	       ",\"max_us\":%" PRIu64 "}\n",
	       seconds, load->registered, (double)load->registered / seconds, load->challenged,
	       load->refused, load->last_refusal, load->lost, load->retransmitted,
	       histogram_quantile(&load->latency, 0.5), histogram_quantile(&load->latency, 0.9),
	       histogram_quantile(&load->latency, 0.99), load->latency.max_us);
}

static void
prepare(struct load *load)
{
	const struct options *o = &load->options;
	load->clients = calloc(o->users, sizeof(*load->clients));
	load->slots = calloc(o->slots, sizeof(*load->slots));
	load->free = calloc(o->slots, sizeof(*load->free));
	if (load->clients == NULL || load->slots == NULL || load->free == NULL ||
	    !clients_init(&load->all))
		die("start");
	uint32_t first_cseq = (uint32_t)time(NULL); /* above that of any run before */
	for (uint32_t i = 0; i < o->users; i++)
		load->clients[i] = (struct client){ .number = i + 1, .cseq = first_cseq };
	for (uint32_t i = 0; i < o->sockets; i++)
		open_socket(load, i);
	for (uint32_t i = 0; i < o->slots; i++) {
		load->slots[i].client = o->users; /* begins with client i */
		put_free(load, i);
	}
}

static void
usage(void)
{
	fputs("usage: load --host ADDRESS --port N --domain D --prefix P --password P [--users N] "
	      "[--slots N] [--sockets N]\n            [--rate N] [--seconds N] [--md5] [--expires "
	      "N]\n",
	      stderr);
	exit(2);
}

static void
take_options(struct load *load, int argc, char **argv)
{
	static const struct option known[] = {
		{ "host", 1, NULL, 'h' },     { "port", 1, NULL, 'p' },
		{ "domain", 1, NULL, 'd' },   { "prefix", 1, NULL, 'x' },
		{ "password", 1, NULL, 'w' }, { "users", 1, NULL, 'u' },
		{ "slots", 1, NULL, 's' },    { "sockets", 1, NULL, 'k' },
		{ "rate", 1, NULL, 'r' },     { "seconds", 1, NULL, 't' },
		{ "md5", 0, NULL, 'm' },      { "expires", 1, NULL, 'e' },
		{ NULL, 0, NULL, 0 },
	};
	struct options *o = &load->options;
	int letter;
	while ((letter = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (letter) {
		case 'h':
			o->host = optarg;
			break;
		case 'p':
			o->port = (uint16_t)strtoul(optarg, NULL, 10);
			break;
		case 'd':
			load->all.domain = optarg;
			break;
		case 'x':
			load->all.prefix = optarg;
			break;
		case 'w':
			load->all.password = optarg;
			break;
		case 'u':
			o->users = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 's':
			o->slots = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'k':
			o->sockets = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'r':
			o->rate = strtod(optarg, NULL);
			break;
		case 't':
			o->seconds = strtod(optarg, NULL);
			break;
		case 'm':
			load->all.sha256 = false;
			break;
		case 'e':
			load->all.expires_s = (unsigned)strtoul(optarg, NULL, 10);
			break;
		default:
			usage();
		}
	}
	if (load->all.domain == NULL || load->all.prefix == NULL || load->all.password == NULL ||
	    o->port == 0 || o->slots == 0 || o->slots > SLOTS_MAX || o->users < o->slots ||
	    o->sockets == 0 || o->sockets > SOCKETS_MAX || !(o->seconds > 0) || optind < argc)
		usage();
}

int
main(int argc, char **argv)
{
	static struct load load = {
		.options = { .host = "127.0.0.1",
			     .users = 20000,
			     .slots = 128,
			     .sockets = 64,
			     .seconds = 5 },
		.all = { .sha256 = true, .expires_s = 3600 },
	};
	take_options(&load, argc, argv);
	prepare(&load);
	run(&load, 0, load.options.users, 600); /* everybody gets a nonce */
	load.measuring = true;
	uint64_t start = now_us();
	run(&load, load.options.rate, UINT64_MAX, load.options.seconds);
	report(&load, (double)(now_us() - start) / 1e6);
	return load.registered == 0;
}
