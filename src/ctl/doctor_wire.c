/* Requests over the listeners; libcurl connects and speaks TLS, and SIP goes through it unchanged.
 */
#include "doctor_wire.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "doctor.h"

#define REPEAT_FIRST_MS 500u

/* --- opening -------------------------------------------------------------------------- */

static bool
find_local(struct wire *wire)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);
	char host[64], port[8];
	uint64_t number;
	if (getsockname(wire->fd, (struct sockaddr *)&address, &len) != 0 ||
	    getnameinfo((struct sockaddr *)&address, len, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV) != 0 ||
	    !ip_parse(str_of(host), &wire->local.ip) ||
	    !str_to_u64(str_of(port), UINT16_MAX, &number))
		return false;
	wire->local.port = (uint16_t)number;
	return true;
}

static bool
open_udp(struct wire *wire, const struct endpoint *to, const char **why)
{
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM,
				  .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
	struct addrinfo *found;
	char host[64], port[8];
	struct writer w = writer_on(host, sizeof(host) - 1);
	ip_write(&w, &to->ip);
	host[w.len] = '\0';
	snprintf(port, sizeof(port), "%u", to->port);
	if (getaddrinfo(host, port, &hints, &found) != 0)
		return false;
	wire->fd = socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool good = wire->fd >= 0 && connect(wire->fd, found->ai_addr, found->ai_addrlen) == 0;
	*why = strerror(errno);
	freeaddrinfo(found);
	return good;
}

static bool
open_stream(struct wire *wire, const struct endpoint *to, const char **why)
{
	char where[80], url[96];
	curl_socket_t fd = CURL_SOCKET_BAD;
	doctor_address(to, where, sizeof(where));
	snprintf(url, sizeof(url), "%s://%s", wire->transport == TRANSPORT_TLS ? "https" : "http",
		 where);
	wire->curl = curl_easy_init();
	if (wire->curl == NULL)
		return false;
	curl_easy_setopt(wire->curl, CURLOPT_URL, url);
	curl_easy_setopt(wire->curl, CURLOPT_CONNECT_ONLY, 1L);
	curl_easy_setopt(wire->curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(wire->curl, CURLOPT_SSL_VERIFYPEER, 0L);
	curl_easy_setopt(wire->curl, CURLOPT_SSL_VERIFYHOST, 0L);
	curl_easy_setopt(wire->curl, CURLOPT_SSL_ENABLE_ALPN, 0L);
	curl_easy_setopt(wire->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)DOCTOR_WAIT_MS);
	CURLcode code = curl_easy_perform(wire->curl);
	if (code == CURLE_OK)
		code = curl_easy_getinfo(wire->curl, CURLINFO_ACTIVESOCKET, &fd);
	*why = curl_easy_strerror(code);
	wire->fd = fd;
	return code == CURLE_OK;
}

bool
wire_open(struct wire *wire, enum transport transport, const struct endpoint *to, const char **why)
{
	*wire = (struct wire){ .transport = transport, .fd = -1 };
	*why = "no socket";
	if ((transport == TRANSPORT_UDP ? open_udp(wire, to, why) : open_stream(wire, to, why)) &&
	    find_local(wire))
		return true;
	wire_close(wire);
	return false;
}

void
wire_close(struct wire *wire)
{
	if (wire->curl != NULL)
		curl_easy_cleanup(wire->curl); /* the socket too */
	else if (wire->fd >= 0)
		close(wire->fd);
	wire->curl = NULL;
	wire->fd = -1;
}

/* Nothing is sent: the kernel only looks for the way there. */
bool
wire_ipv6_here(void)
{
	struct sockaddr_in6 loopback = { .sin6_family = AF_INET6,
					 .sin6_addr = IN6ADDR_LOOPBACK_INIT,
					 .sin6_port = htons(9) };
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool here =
		fd >= 0 && connect(fd, (const struct sockaddr *)&loopback, sizeof(loopback)) == 0;
	if (fd >= 0)
		close(fd);
	return here;
}

/* --- exchanging ----------------------------------------------------------------------- */

/* A request is far smaller than the buffer of a socket that is empty: it goes as a whole or not. */
static bool
put(struct wire *wire, const char *octets, size_t len)
{
	size_t sent = 0;
	if (wire->curl == NULL)
		return send(wire->fd, octets, len, 0) == (ssize_t)len;
	return curl_easy_send(wire->curl, octets, len, &sent) == CURLE_OK && sent == len;
}

/* Octets that are there behind the first len of the answer; 0 when there are none, -1 at the end of
 * the connection. */
static ssize_t
get(struct wire *wire, size_t len)
{
	size_t got = 0, room = WIRE_BYTES - 1 - len;
	if (wire->curl == NULL) {
		ssize_t received = recv(wire->fd, wire->answer, WIRE_BYTES - 1, 0);
		return received >= 0 ? received : errno == EAGAIN ? 0 : -1;
	}
	CURLcode code = curl_easy_recv(wire->curl, wire->answer + len, room, &got);
	if (code == CURLE_AGAIN)
		return 0;
	return code == CURLE_OK && got > 0 ? (ssize_t)got : -1;
}

/* Ours is the only user of the connection, and our answers have no body. */
static int
status_of(const char *answer, unsigned cseq)
{
	char field[32];
	snprintf(field, sizeof(field), "\r\nCSeq: %u ", cseq);
	if (strncmp(answer, "SIP/2.0 ", 8) != 0 || strstr(answer, "\r\n\r\n") == NULL ||
	    strcasestr(answer, field) == NULL)
		return 0;
	int status = (int)strtol(answer + 8, NULL, 10);
	return status >= 200 ? status : 0;
}

static int
wait_answer(struct wire *wire, unsigned cseq, uint64_t until)
{
	size_t len = 0;
	for (uint64_t now; (now = clock_monotonic_ms()) < until;) {
		ssize_t got = get(wire, len);
		if (got < 0)
			return 0;
		len = wire->curl == NULL ? (size_t)got : len + (size_t)got;
		wire->answer[len] = '\0';
		int status = got > 0 ? status_of(wire->answer, cseq) : 0;
		if (status != 0 || len == WIRE_BYTES - 1)
			return status;
		struct pollfd waiting = { .fd = wire->fd, .events = POLLIN };
		if (got == 0)
			poll(&waiting, 1, (int)(until - now));
	}
	return 0;
}

int
wire_exchange(struct wire *wire, const char *request, size_t len, unsigned cseq)
{
	uint64_t until = clock_monotonic_ms() + DOCTOR_WAIT_MS;
	uint64_t pause = wire->curl == NULL ? REPEAT_FIRST_MS : DOCTOR_WAIT_MS;
	for (uint64_t now; (now = clock_monotonic_ms()) < until; pause *= 2) {
		if (!put(wire, request, len))
			return 0;
		int status = wait_answer(wire, cseq, now + pause < until ? now + pause : until);
		if (status != 0 || wire->curl != NULL)
			return status;
	}
	return 0;
}
