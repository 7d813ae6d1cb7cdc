/* A table of options, each with its help; a bad command line says so and ends with status 2. */
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IDLE_SECONDS_MAX 600

static const char help[] =
	"usage: load --port N --domain D --prefix P --password W [OPTION…]\n"
	"Registers many clients with a SIP registrar and prints a JSON object about it.\n"
	"\n"
	"  --host ADDRESS      IPv4 (default 127.0.0.1)\n"
	"  --port N\n"
	"  --domain D          Request-URI, realm and domain of every address-of-record\n"
	"  --prefix P          user N is PN\n"
	"  --password W        of everybody\n"
	"  --users N           so many clients (default 20000)\n"
	"  --first N           number of the first (default 1)\n"
	"  --contact HOST:PORT of everybody's one contact (default 192.0.2.10:5062)\n"
	"  --expires N         seconds (default 3600)\n"
	"  --md5               digests by MD5 instead of SHA-256\n"
	"  --transport udp     or tcp, or tls (1.3)\n"
	"  --ca FILE           the server's certificate must lead to one of these (default: any "
	"will\n"
	"                      do)\n"
	"  --sockets N         UDP sockets (default 64) or connections (default: one a slot, at "
	"most\n"
	"                      20000); clients are spread over them and keep theirs. Connections "
	"to\n"
	"                      loopback come from a new address of 127/8 after each 200\n"
	"  --slots N           requests outstanding at most (default 128)\n"
	"  --rate N            registrations begun a second; 0 (default): a closed loop\n"
	"  --seconds N         length of the measured window (default 5)\n"
	"  --turn US           collect answers so long before they are handled (default 0)\n"
	"  --series MS         also report each interval of so many milliseconds\n"
	"  --wait              before a window a line on stderr, and wait for one on stdin\n"
	"  --windows N         so many windows one after the other, each with its object (default "
	"1)\n"
	"  --charge NAME=PID   report the CPU time of this process and its children; repeatable\n"
	"  --abandon           at the end of the window nothing more is sent and no answer "
	"awaited\n"
	"  --mode refresh      every registration one message with a live nonce (default)\n"
	"         full         every registration begins without credentials, is challenged, "
	"answers\n"
	"         first        like full, under a new Call-ID, of clients that should have no "
	"binding;\n"
	"                      every client once, then the run ends\n"
	"         mixed        90 % refresh, 8 % full, 1 % removal (Expires: 0), and 1 % first\n"
	"                      registrations: removed clients come back at their next turn\n"
	"  --idle N            instead of a run: N connections, each with a client of its own, "
	"that\n"
	"                      connect, register as in mode first (--slots of them at a time) and "
	"stay;\n"
	"                      latency counts from connecting; also reports the memory of the "
	"charged\n"
	"                      trees (PSS) before and after\n"
	"  --hold SECONDS      before memory is read (default 1)\n"
	"\n"
	"In all modes but first everybody registers once before the window begins. A challenge is\n"
	"answered, and counted as challenged; latency counts from the first message, at a fixed "
	"rate\n"
	"from when it was due. Without an answer UDP requests are repeated after 0.5, 1.5, 3.5 "
	"and\n"
	"7.5 s; what has no answer after 8 s is lost. late: answered after the window.\n"
	"start_us: when the window began, by CLOCK_MONOTONIC.\n"
	"unprepared: clients that could not register before the window.\n"
	"cpu_us: microseconds of each charged process tree per registration in the window.\n";

static _Noreturn void
reject(const char *what, const char *value)
{
	fprintf(stderr, "load: %s%s%s; load --help\n", what, value != NULL ? ": " : "",
		value != NULL ? value : "");
	exit(2);
}

static uint32_t
number(const char *text, uint32_t least, uint32_t most)
{
	char *end;
	unsigned long long value = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end != '\0' || value < least || value > most)
		reject("number out of range", text);
	return (uint32_t)value;
}

static double
real(const char *text)
{
	char *end;
	double value = strtod(text, &end);
	if (end == text || *end != '\0' || !(value >= 0))
		reject("not a number", text);
	return value;
}

/* The position of a word in a list that ends with NULL. */
static unsigned
word(const char *text, const char *const *words)
{
	for (unsigned i = 0; words[i] != NULL; i++)
		if (strcmp(text, words[i]) == 0)
			return i;
	reject("unknown word", text);
}

static void
add_charge(struct options *options, char *text)
{
	char *equals = strchr(text, '=');
	if (equals == NULL || options->charge_count == CHARGES_MAX)
		reject("--charge NAME=PID, at most 8", text);
	*equals = '\0';
	options->charges[options->charge_count++] =
		(struct charge){ text, (pid_t)number(equals + 1, 1, INT32_MAX) };
}

enum letter {
	HOST = 256,
	PORT,
	DOMAIN,
	PREFIX,
	PASSWORD,
	USERS,
	FIRST,
	CONTACT,
	EXPIRES,
	HASH_MD5,
	TRANSPORT,
	SOCKETS,
	SLOTS,
	RATE,
	SECONDS,
	TURN,
	SERIES,
	WAIT,
	WINDOWS,
	ABANDON,
	CHARGE,
	MODE,
	CA,
	IDLE,
	HOLD,
	HELP
};
static const struct option known[] = {
	{ "host", 1, NULL, HOST },
	{ "port", 1, NULL, PORT },
	{ "domain", 1, NULL, DOMAIN },
	{ "prefix", 1, NULL, PREFIX },
	{ "password", 1, NULL, PASSWORD },
	{ "users", 1, NULL, USERS },
	{ "first", 1, NULL, FIRST },
	{ "contact", 1, NULL, CONTACT },
	{ "expires", 1, NULL, EXPIRES },
	{ "md5", 0, NULL, HASH_MD5 },
	{ "transport", 1, NULL, TRANSPORT },
	{ "sockets", 1, NULL, SOCKETS },
	{ "slots", 1, NULL, SLOTS },
	{ "rate", 1, NULL, RATE },
	{ "seconds", 1, NULL, SECONDS },
	{ "turn", 1, NULL, TURN },
	{ "series", 1, NULL, SERIES },
	{ "wait", 0, NULL, WAIT },
	{ "windows", 1, NULL, WINDOWS },
	{ "charge", 1, NULL, CHARGE },
	{ "abandon", 0, NULL, ABANDON },
	{ "mode", 1, NULL, MODE },
	{ "ca", 1, NULL, CA },
	{ "idle", 1, NULL, IDLE },
	{ "hold", 1, NULL, HOLD },
	{ "help", 0, NULL, HELP },
	{ NULL, 0, NULL, 0 },
};

/* Who the clients are. */
static bool
take_identity(struct options *o, struct clients *all, int letter)
{
	switch (letter) {
	case HOST:
		o->host = optarg;
		return true;
	case PORT:
		o->port = (uint16_t)number(optarg, 1, UINT16_MAX);
		return true;
	case DOMAIN:
		all->domain = optarg;
		return true;
	case PREFIX:
		all->prefix = optarg;
		return true;
	case PASSWORD:
		all->password = optarg;
		return true;
	case USERS:
		o->users = number(optarg, 1, 10000000);
		return true;
	case FIRST:
		o->first = number(optarg, 0, 1000000000);
		return true;
	case CONTACT:
		all->contact = optarg;
		return true;
	case EXPIRES:
		all->expires_s = number(optarg, 1, INT32_MAX);
		return true;
	case HASH_MD5:
		all->sha256 = false;
		return true;
	default:
		return false;
	}
}

/* What they do. */
static bool
take_run(struct options *o, int letter)
{
	static const char *const transports[] = { "udp", "tcp", "tls", NULL };
	static const char *const modes[] = { "refresh", "full", "first", "mixed", NULL };
	switch (letter) {
	case TRANSPORT:
		o->transport = (enum transport)word(optarg, transports);
		return true;
	case MODE:
		o->mode = (enum mode)word(optarg, modes);
		return true;
	case SOCKETS:
		o->sockets = number(optarg, 1, SOCKETS_MAX);
		return true;
	case SLOTS:
		o->slots = number(optarg, 1, SLOTS_MAX);
		return true;
	case RATE:
		o->rate = real(optarg);
		return true;
	case SECONDS:
		o->seconds = real(optarg);
		return true;
	case TURN:
		o->turn_us = number(optarg, 0, 100000);
		return true;
	case SERIES:
		o->series_ms = number(optarg, 50, 60000);
		return true;
	case WAIT:
		o->wait = true;
		return true;
	case WINDOWS:
		o->windows = number(optarg, 1, 1000);
		return true;
	case ABANDON:
		o->abandon = true;
		return true;
	case CHARGE:
		add_charge(o, optarg);
		return true;
	case CA:
		o->ca = optarg;
		return true;
	case IDLE:
		o->idle = number(optarg, 1, SOCKETS_MAX);
		return true;
	case HOLD:
		o->hold = real(optarg);
		return true;
	default:
		return false;
	}
}

/* What follows from the rest. */
static void
settle(struct options *o)
{
	if (o->idle > 0) {
		if (o->transport == UDP)
			reject("--idle needs --transport tcp or tls", NULL);
		o->mode = MODE_FIRST;
		o->users = o->sockets = o->idle;
		o->slots = o->slots < o->idle ? o->slots : o->idle;
		o->seconds = IDLE_SECONDS_MAX;
	}
	if (o->sockets == 0 && o->transport == UDP)
		o->sockets = 64;
	if (o->sockets == 0)
		o->sockets = o->slots < SOCKETS_MAX ? o->slots : SOCKETS_MAX;
}

void
options_read(struct options *options, struct clients *all, int argc, char **argv)
{
	int letter;
	while ((letter = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (letter == HELP) {
			fputs(help, stdout);
			exit(0);
		}
		if (!take_identity(options, all, letter) && !take_run(options, letter))
			reject("bad command line", NULL);
	}
	if (optind < argc)
		reject("what is this", argv[optind]);
	if (all->domain == NULL || all->prefix == NULL || all->password == NULL ||
	    options->port == 0 || !(options->seconds > 0))
		reject("--port, --domain, --prefix, --password are needed, and seconds above 0",
		       NULL);
	settle(options);
	if (options->users < options->slots)
		reject("every slot needs a user of its own", NULL);
}
