/*
 * phone: a small SIP client of our own, for the proof of ./dev up and for scenarios. It registers,
 * fetches or unregisters once, prints the answer's status and contacts, and exits with 0 on 200.
 *
 * It shares no code with the server on purpose: a common misreading of the RFCs would stay hidden.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGE_MAX = 65536, FIELD_MAX = 1024, TIMEOUT_MS = 5000, FIRST_RETRANSMISSION_MS = 500 };

struct phone {
	const char *verb, *transport, *host, *port, *ca, *user, *domain, *contact;
	char password[256], local[80];
	bool sips;
	unsigned expires, cseq;
	char tag[17], call_id[33];
	int fd;
	SSL *tls;
};
struct challenge {
	char realm[FIELD_MAX], nonce[FIELD_MAX], opaque[FIELD_MAX], qop[FIELD_MAX], algorithm[32];
};

static void
die(const char *what, const char *why)
{
	fprintf(stderr, "phone: %s: %s\n", what, why);
	exit(1);
}

static void
random_hex(char *out, size_t octets)
{
	unsigned char raw[32];
	if (octets > sizeof(raw) || RAND_bytes(raw, (int)octets) != 1)
		die("random", "libcrypto has none");
	for (size_t i = 0; i < octets; i++)
		snprintf(out + 2 * i, 3, "%02x", raw[i]);
}

/* --- transport --- */

static void
connect_socket(struct phone *p)
{
	struct addrinfo hints = { .ai_socktype = strcmp(p->transport, "udp") == 0 ? SOCK_DGRAM
										  : SOCK_STREAM };
	struct addrinfo *found;
	int error = getaddrinfo(p->host, p->port, &hints, &found);
	if (error != 0)
		die(p->host, gai_strerror(error));
	p->fd = socket(found->ai_family, found->ai_socktype, 0);
	if (p->fd < 0 || connect(p->fd, found->ai_addr, found->ai_addrlen) != 0)
		die(p->host, strerror(errno));
	freeaddrinfo(found);
}

/* Our own address as it is written in Via and Contact. */
static void
learn_local_address(struct phone *p)
{
	struct sockaddr_storage address = { 0 };
	socklen_t size = sizeof(address);
	char host[64], port[8];
	if (getsockname(p->fd, (struct sockaddr *)&address, &size) != 0 ||
	    getnameinfo((struct sockaddr *)&address, size, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		die("own address", strerror(errno));
	bool ipv6 = address.ss_family == AF_INET6;
	snprintf(p->local, sizeof(p->local), ipv6 ? "[%s]:%s" : "%s:%s", host, port);
}

/* The certificate must name the SIP domain, not the host we were told to connect to (RFC 5922 §4).
 */
static void
start_tls(struct phone *p)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	if (context == NULL || SSL_CTX_load_verify_locations(context, p->ca, NULL) != 1)
		die(p->ca, "is no CA file");
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	p->tls = SSL_new(context);
	SSL_CTX_free(context);
	if (p->tls == NULL || SSL_set_tlsext_host_name(p->tls, p->domain) != 1 ||
	    SSL_set1_host(p->tls, p->domain) != 1 || SSL_set_fd(p->tls, p->fd) != 1 ||
	    SSL_connect(p->tls) != 1) {
		long verdict = p->tls == NULL ? X509_V_OK : SSL_get_verify_result(p->tls);
		die("TLS", verdict != X509_V_OK ? X509_verify_cert_error_string(verdict)
						: ERR_reason_error_string(ERR_get_error()));
	}
}

static void
send_message(struct phone *p, const char *message)
{
	int size = (int)strlen(message);
	ssize_t sent = p->tls != NULL ? SSL_write(p->tls, message, size)
				      : send(p->fd, message, (size_t)size, 0);
	if (sent != size)
		die("send", strerror(errno));
}

/* The value of a header field: a pointer behind its colon and blanks; NULL when there is none. */
static const char *
field(const char *message, const char *name)
{
	size_t length = strlen(name);
	for (const char *line = strstr(message, "\r\n"); line != NULL;
	     line = strstr(line, "\r\n")) {
		line += 2;
		if (strncasecmp(line, name, length) == 0 && line[length] == ':')
			return line + length + 1 + strspn(line + length + 1, " \t");
	}
	return NULL;
}

static bool
whole(const char *message, bool stream)
{
	const char *end = strstr(message, "\r\n\r\n");
	if (end == NULL || !stream)
		return end != NULL;
	const char *length = field(message, "Content-Length");
	return length != NULL && strlen(end + 4) >= strtoul(length, NULL, 10);
}

static long
now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Waits for one whole message; over UDP the request goes out again, later each time (RFC 3261
 * §17.1.2.2). */
static void
exchange(struct phone *p, const char *request, char *answer)
{
	bool udp = strcmp(p->transport, "udp") == 0;
	long end = now_ms() + TIMEOUT_MS, pause = FIRST_RETRANSMISSION_MS;
	size_t have = 0;
	answer[0] = '\0';
	send_message(p, request);
	while (!whole(answer, !udp)) {
		long left = end - now_ms();
		if (left <= 0)
			die("answer", "none within five seconds");
		struct pollfd ready = { .fd = p->fd, .events = POLLIN };
		bool readable = (p->tls != NULL && SSL_pending(p->tls) > 0) ||
				poll(&ready, 1, (int)(udp && pause < left ? pause : left)) > 0;
		if (!readable && udp) {
			send_message(p, request);
			pause *= 2;
		}
		if (!readable)
			continue;
		size_t room = MESSAGE_MAX - 1 - have;
		ssize_t got = p->tls != NULL ? SSL_read(p->tls, answer + have, (int)room)
					     : recv(p->fd, answer + have, room, 0);
		if (got <= 0)
			die("answer", got == 0 ? "connection closed" : strerror(errno));
		have = udp ? (size_t)got : have + (size_t)got;
		answer[have] = '\0';
	}
}

/* --- digest (RFC 7616, RFC 8760) --- */

static void
hash(const char *algorithm, const char *text, char *hex)
{
	const EVP_MD *md = strcasecmp(algorithm, "MD5") == 0 ? EVP_md5() : EVP_sha256();
	unsigned char raw[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	if (EVP_Digest(text, strlen(text), raw, &size, md, NULL) != 1)
		die(algorithm, "libcrypto does not have it");
	for (unsigned i = 0; i < size; i++)
		snprintf(hex + 2 * (size_t)i, 3, "%02x", raw[i]);
}

/* One parameter of a challenge, with or without quotes. */
static void
parameter(const char *value, const char *name, char *out, size_t size)
{
	const char *end = strstr(value, "\r\n");
	size_t length = strlen(name);
	out[0] = '\0';
	for (const char *p = value; p != NULL && p < end; p = strpbrk(p, ", ")) {
		p += strspn(p, ", \t");
		if (strncasecmp(p, name, length) != 0 || p[length] != '=')
			continue;
		p += length + 1;
		bool quoted = *p == '"';
		p += quoted;
		snprintf(out, size, "%.*s", (int)strcspn(p, quoted ? "\"\r" : ", \t\r"), p);
		return;
	}
}

/* The first challenge whose algorithm we know, in the order of the server (RFC 8760 §2.4). */
static bool
choose_challenge(const char *answer, struct challenge *c)
{
	for (const char *value = field(answer, "WWW-Authenticate"); value != NULL;
	     value = field(value, "WWW-Authenticate")) {
		parameter(value, "algorithm", c->algorithm, sizeof(c->algorithm));
		if (c->algorithm[0] == '\0')
			snprintf(c->algorithm, sizeof(c->algorithm), "MD5");
		if (strcasecmp(c->algorithm, "MD5") != 0 &&
		    strcasecmp(c->algorithm, "SHA-256") != 0)
			continue;
		parameter(value, "realm", c->realm, sizeof(c->realm));
		parameter(value, "nonce", c->nonce, sizeof(c->nonce));
		parameter(value, "opaque", c->opaque, sizeof(c->opaque));
		parameter(value, "qop", c->qop, sizeof(c->qop));
		return true;
	}
	return false;
}

static void
authorize(const struct phone *p, const struct challenge *c, const char *uri, char *line,
	  size_t size)
{
	char text[4 * FIELD_MAX], ha1[65], ha2[65], response[65], cnonce[17];
	int user_length = (int)strcspn(p->user, "@");
	random_hex(cnonce, 8);
	snprintf(text, sizeof(text), "%.*s:%s:%s", user_length, p->user, c->realm, p->password);
	hash(c->algorithm, text, ha1);
	snprintf(text, sizeof(text), "REGISTER:%s", uri);
	hash(c->algorithm, text, ha2);
	bool qop = strstr(c->qop, "auth") != NULL;
	if (qop)
		snprintf(text, sizeof(text), "%s:%s:00000001:%s:auth:%s", ha1, c->nonce, cnonce,
			 ha2);
	else
		snprintf(text, sizeof(text), "%s:%s:%s", ha1, c->nonce, ha2);
	hash(c->algorithm, text, response);
	int used = snprintf(line, size,
			    "Authorization: Digest username=\"%.*s\", realm=\"%s\", nonce=\"%s\", "
			    "uri=\"%s\", response=\"%s\", algorithm=%s",
			    user_length, p->user, c->realm, c->nonce, uri, response, c->algorithm);
	if (qop)
		used += snprintf(line + used, size - (size_t)used,
				 ", cnonce=\"%s\", qop=auth, nc=00000001", cnonce);
	if (c->opaque[0] != '\0')
		used += snprintf(line + used, size - (size_t)used, ", opaque=\"%s\"", c->opaque);
	snprintf(line + used, size - (size_t)used, "\r\n");
}

/* --- REGISTER --- */

static void
write_contact(const struct phone *p, char *line, size_t size)
{
	const char *scheme = p->sips ? "sips" : "sip";
	unsigned expires = strcmp(p->verb, "unregister") == 0 ? 0 : p->expires;
	line[0] = '\0';
	if (strcmp(p->verb, "fetch") == 0)
		return;
	if (p->contact != NULL)
		snprintf(line, size, "Contact: <%s>;expires=%u\r\n", p->contact, expires);
	else
		snprintf(line, size, "Contact: <%s:%.*s@%s%s>;expires=%u\r\n", scheme,
			 (int)strcspn(p->user, "@"), p->user, p->local,
			 strcmp(p->transport, "tcp") == 0 ? ";transport=tcp" : "", expires);
}

static void
write_request(struct phone *p, const char *authorization, char *request)
{
	const char *scheme = p->sips ? "sips" : "sip";
	char contact[FIELD_MAX], branch[17], transport[4];
	random_hex(branch, 8);
	write_contact(p, contact, sizeof(contact));
	for (size_t i = 0; i < sizeof(transport); i++)
		transport[i] = (char)(p->transport[i] & ~0x20);
	snprintf(request, MESSAGE_MAX,
		 "REGISTER %s:%s SIP/2.0\r\n"
		 "Via: SIP/2.0/%s %s;branch=z9hG4bK%s;rport\r\n"
		 "Max-Forwards: 70\r\n"
		 "From: <%s:%s>;tag=%s\r\n"
		 "To: <%s:%s>\r\n"
		 "Call-ID: %s\r\n"
		 "CSeq: %u REGISTER\r\n"
		 "User-Agent: rollcall-phone\r\n"
		 "%s%s"
		 "Content-Length: 0\r\n\r\n",
		 scheme, p->domain, transport, p->local, branch, scheme, p->user, p->tag, scheme,
		 p->user, p->call_id, ++p->cseq, contact, authorization);
}

static unsigned
status_of(const char *answer)
{
	if (strncmp(answer, "SIP/2.0 ", 8) != 0)
		die("answer", "is no SIP response");
	return (unsigned)strtoul(answer + 8, NULL, 10);
}

static void
print_answer(const char *answer)
{
	printf("%.*s\n", (int)strcspn(answer, "\r"), answer);
	for (const char *value = field(answer, "Contact"); value != NULL;
	     value = field(value, "Contact"))
		printf("Contact: %.*s\n", (int)strcspn(value, "\r"), value);
}

/* Answers challenges at most twice: the first, and one more when the nonce had become stale. */
static int
run(struct phone *p)
{
	static char request[MESSAGE_MAX], answer[MESSAGE_MAX];
	char uri[FIELD_MAX], authorization[6 * FIELD_MAX] = "";
	struct challenge challenge;
	snprintf(uri, sizeof(uri), "%s:%s", p->sips ? "sips" : "sip", p->domain);
	for (int attempt = 0; attempt < 3; attempt++) {
		write_request(p, authorization, request);
		exchange(p, request, answer);
		const char *stale = attempt < 2 ? strstr(answer, "stale=true") : NULL;
		if (status_of(answer) != 401 || (attempt > 0 && stale == NULL))
			break;
		if (!choose_challenge(answer, &challenge))
			die("challenge", "no algorithm that we know");
		authorize(p, &challenge, uri, authorization, sizeof(authorization));
	}
	print_answer(answer);
	return status_of(answer) == 200 ? 0 : 1;
}

static void
read_password(struct phone *p, const char *path)
{
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
	if (file == NULL || fgets(p->password, sizeof(p->password), file) == NULL)
		die(path, "has no password");
	p->password[strcspn(p->password, "\r\n")] = '\0';
	if (file != stdin)
		fclose(file);
}

static void
usage(void)
{
	fputs("usage: phone register|fetch|unregister --server HOST:PORT --user USER@DOMAIN "
	      "--password-file FILE\n"
	      "             [--transport udp|tcp|tls] [--ca FILE] [--sips] [--expires SECONDS] "
	      "[--contact URI]\n",
	      stderr);
	exit(2);
}

/* "127.0.0.1:5061" or "[::1]:5061". */
static void
split_server(struct phone *p, char *server)
{
	char *colon = strrchr(server, ':');
	if (colon == NULL)
		usage();
	*colon = '\0';
	p->port = colon + 1;
	p->host = server;
	if (server[0] == '[' && colon[-1] == ']') {
		colon[-1] = '\0';
		p->host++;
	}
}

static void
read_options(struct phone *p, int argc, char **argv)
{
	static const struct option options[] = {
		{ "transport", required_argument, NULL, 't' },
		{ "server", required_argument, NULL, 's' },
		{ "ca", required_argument, NULL, 'a' },
		{ "user", required_argument, NULL, 'u' },
		{ "password-file", required_argument, NULL, 'p' },
		{ "sips", no_argument, NULL, 'S' },
		{ "expires", required_argument, NULL, 'e' },
		{ "contact", required_argument, NULL, 'c' },
		{ NULL, 0, NULL, 0 },
	};
	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		switch (c) {
		case 't':
			p->transport = optarg;
			break;
		case 's':
			split_server(p, optarg);
			break;
		case 'a':
			p->ca = optarg;
			break;
		case 'u':
			p->user = optarg;
			break;
		case 'p':
			read_password(p, optarg);
			break;
		case 'S':
			p->sips = true;
			break;
		case 'e':
			p->expires = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'c':
			p->contact = optarg;
			break;
		default:
			usage();
		}
	}
}

static bool
one_of(const char *word, const char *a, const char *b, const char *c)
{
	return strcmp(word, a) == 0 || strcmp(word, b) == 0 || strcmp(word, c) == 0;
}

int
main(int argc, char **argv)
{
	struct phone p = { .transport = "udp", .user = "", .expires = 3600 };
	if (argc < 2)
		usage();
	p.verb = argv[1];
	read_options(&p, argc - 1, argv + 1);
	p.domain = strchr(p.user, '@') == NULL ? NULL : strchr(p.user, '@') + 1;
	bool tls = strcmp(p.transport, "tls") == 0;
	if (p.domain == NULL || p.host == NULL || (tls && p.ca == NULL) ||
	    !one_of(p.verb, "register", "fetch", "unregister") ||
	    !one_of(p.transport, "udp", "tcp", "tls"))
		usage();
	random_hex(p.tag, 8);
	random_hex(p.call_id, 16);
	connect_socket(&p);
	learn_local_address(&p);
	if (tls)
		start_tls(&p);
	int status = run(&p);
	if (p.tls != NULL) {
		SSL_shutdown(p.tls);
		SSL_free(p.tls);
	}
	close(p.fd);
	return status;
}
