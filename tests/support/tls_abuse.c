/*
 * tls_abuse: what Python's ssl cannot say. Connects over TLS, has an OPTIONS answered, and then
 * abuses the connection:
 *
 *   updates OCTETS  key updates of TLS 1.3, so many octets of them at once, keep-alives between
 *   hellos OCTETS   ClientHellos of TLS 1.2, as if to renegotiate, keep-alives between
 *   crammed OCTETS  the same, hundreds in a record, behind a warning
 *   mute            reads no more and sends ACKs and key updates that want an answer, until nobody
 *                   takes any
 *
 * Then it says how much was sent, and whether the server has ended the connection; mute waits with
 * an end of its own until its standard input ends.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { END_MS = 10000, FULL_MS = 1000, PING_EVERY = 20, HELLO = 4 };

static const char ping[4] = "\r\n\r\n";
static const unsigned char warning[2] = { SSL3_AL_WARNING, TLS1_AD_USER_CANCELLED };

static void
die(const char *what)
{
	fprintf(stderr, "tls_abuse: %s: %s\n", what, strerror(errno));
	ERR_print_errors_fp(stderr);
	exit(2);
}

static void
must(bool done, const char *what)
{
	if (!done)
		die(what);
}

static int
connect_to(const char *port, int room)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)strtoul(port, NULL, 10)) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	inet_pton(AF_INET, "127.0.0.1", &at.sin_addr);
	if (room > 0) { /* short segments let the kernel of the other side keep little, too */
		setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &(int){ 536 }, sizeof(int));
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	}
	must(connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0, "connect");
	return fd;
}

static SSL *
handshake(int fd, int version)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_min_proto_version(context, version);
	SSL_CTX_set_max_proto_version(context, version);
	SSL_CTX_set_cipher_list(context, "ECDHE-ECDSA-AES256-GCM-SHA384");
	SSL *ssl = SSL_new(context);
	SSL_CTX_free(context);
	SSL_set_fd(ssl, fd);
	must(SSL_connect(ssl) == 1, "handshake");
	return ssl;
}

static void
ask(SSL *ssl)
{
	static const char options[] = "OPTIONS sip:example.com SIP/2.0\r\n"
				      "Via: SIP/2.0/TLS client.example.com;branch=z9hG4bKabuse\r\n"
				      "From: <sip:abuse@example.com>;tag=1\r\n"
				      "To: <sip:example.com>\r\n"
				      "Call-ID: abuse\r\n"
				      "CSeq: 1 OPTIONS\r\n"
				      "Max-Forwards: 70\r\n"
				      "Content-Length: 0\r\n\r\n";
	char answer[4096];
	must(SSL_write(ssl, options, sizeof(options) - 1) > 0, "OPTIONS");
	must(SSL_read(ssl, answer, sizeof(answer)) > 12 && memcmp(answer, "SIP/2.0 200", 11) == 0,
	     "its answer");
}

static void
update_key(SSL *ssl, int kind)
{
	must(SSL_key_update(ssl, kind) == 1 && SSL_do_handshake(ssl) == 1, "key update");
}

static size_t
make_updates(SSL *ssl, BIO *wire, size_t octets)
{
	while (BIO_ctrl_pending(wire) < octets) {
		for (int i = 0; i < PING_EVERY; i++)
			update_key(ssl, SSL_KEY_UPDATE_NOT_REQUESTED);
		must(SSL_write(ssl, ping, sizeof(ping)) == sizeof(ping), "keep-alive");
	}
	return BIO_ctrl_pending(wire);
}

/* RFC 5246 §6.3: our key and the implicit part of our nonces. */
static void
our_keys(SSL *ssl, unsigned char key[32], unsigned char salt[4])
{
	static const unsigned char label[13] = "key expansion";
	unsigned char master[48], ours[32], theirs[32], block[72];
	size_t len = sizeof(block);
	SSL_SESSION_get_master_key(SSL_get_session(ssl), master, sizeof(master));
	SSL_get_client_random(ssl, ours, sizeof(ours));
	SSL_get_server_random(ssl, theirs, sizeof(theirs));
	EVP_PKEY_CTX *prf = EVP_PKEY_CTX_new_id(EVP_PKEY_TLS1_PRF, NULL);
	must(EVP_PKEY_derive_init(prf) == 1 &&
		     EVP_PKEY_CTX_set_tls1_prf_md(prf, EVP_sha384()) == 1 &&
		     EVP_PKEY_CTX_set1_tls1_prf_secret(prf, master, sizeof(master)) == 1 &&
		     EVP_PKEY_CTX_add1_tls1_prf_seed(prf, label, sizeof(label)) == 1 &&
		     EVP_PKEY_CTX_add1_tls1_prf_seed(prf, theirs, sizeof(theirs)) == 1 &&
		     EVP_PKEY_CTX_add1_tls1_prf_seed(prf, ours, sizeof(ours)) == 1 &&
		     EVP_PKEY_derive(prf, block, &len) == 1,
	     "keys");
	EVP_PKEY_CTX_free(prf);
	memcpy(key, block, 32);
	memcpy(salt, block + 64, 4);
}

static void
write_record(EVP_CIPHER_CTX *cipher, const unsigned char salt[4], uint64_t number,
	     unsigned char type, const void *octets, int octet_count, BIO *wire)
{
	unsigned char record[5 + 8 + 16384 + 16] = { type, 3, 3 };
	unsigned char nonce[12], seen[13] = { [8] = type, 3, 3 };
	int len, sealed = 8 + octet_count + 16;
	for (int i = 0; i < 8; i++)
		seen[i] = record[5 + i] = (unsigned char)(number >> (56 - 8 * i));
	for (int i = 0; i < 2; i++) {
		seen[11 + i] = (unsigned char)(octet_count >> (8 - 8 * i));
		record[3 + i] = (unsigned char)(sealed >> (8 - 8 * i));
	}
	memcpy(nonce, salt, 4);
	memcpy(nonce + 4, seen, 8);
	must(EVP_EncryptInit_ex(cipher, NULL, NULL, NULL, nonce) == 1 &&
		     EVP_EncryptUpdate(cipher, NULL, &len, seen, sizeof(seen)) == 1 &&
		     EVP_EncryptUpdate(cipher, record + 13, &len, octets, octet_count) == 1 &&
		     EVP_EncryptFinal_ex(cipher, record + 13 + octet_count, &len) == 1 &&
		     EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_GET_TAG, 16,
					 record + 13 + octet_count) == 1,
	     "encryption");
	BIO_write(wire, record, 5 + sealed);
}

/* ClientHellos that are all header, so many in a record: the server looks no further. The end of
 * our handshake was record 0, the OPTIONS was 1. */
static size_t
make_hellos(SSL *ssl, BIO *wire, size_t octets, int in_record)
{
	unsigned char key[32], salt[4], hellos[16384] = { 0 };
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	for (int i = 0; i < in_record; i++)
		hellos[i * HELLO] = SSL3_MT_CLIENT_HELLO;
	our_keys(ssl, key, salt);
	must(EVP_EncryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, key, NULL) == 1, "AES");
	for (uint64_t number = 2; BIO_ctrl_pending(wire) < octets; number++) {
		if (number == 2 && in_record > 1)
			write_record(cipher, salt, number, SSL3_RT_ALERT, warning, sizeof(warning),
				     wire);
		else if (number % PING_EVERY == 0)
			write_record(cipher, salt, number, SSL3_RT_APPLICATION_DATA, ping,
				     sizeof(ping), wire);
		else
			write_record(cipher, salt, number, SSL3_RT_HANDSHAKE, hellos,
				     in_record * HELLO, wire);
	}
	EVP_CIPHER_CTX_free(cipher);
	return BIO_ctrl_pending(wire);
}

/* How much was sent before it failed. */
static size_t
send_all(int fd, BIO *wire)
{
	char *octets;
	size_t len = (size_t)BIO_get_mem_data(wire, &octets), sent = 0;
	while (sent < len) {
		ssize_t count = send(fd, octets + sent, len - sent, MSG_NOSIGNAL);
		if (count <= 0)
			break;
		sent += (size_t)count;
	}
	return sent;
}

static bool
ends(int fd)
{
	char octets[4096];
	struct pollfd end = { .fd = fd, .events = POLLIN };
	while (poll(&end, 1, END_MS) > 0)
		if (recv(fd, octets, sizeof(octets), 0) <= 0)
			return true;
	return false;
}

static int
flood(const char *port, const char *what, size_t octets)
{
	bool updates = strcmp(what, "updates") == 0;
	int fd = connect_to(port, 0);
	SSL *ssl = handshake(fd, updates ? TLS1_3_VERSION : TLS1_2_VERSION);
	BIO *wire = BIO_new(BIO_s_mem());
	ask(ssl);
	SSL_set0_wbio(ssl, wire);
	size_t made =
		updates ? make_updates(ssl, wire, octets)
			: make_hellos(ssl, wire, octets, strcmp(what, "crammed") == 0 ? 500 : 1);
	size_t sent = send_all(fd, wire);
	bool ended = sent < made || ends(fd);
	printf("%zu of %zu octets sent, the connection %s\n", sent, made,
	       ended ? "ended" : "is open");
	SSL_free(ssl);
	close(fd);
	return 0;
}

/* False when nothing was taken for a while. */
static bool
send_slowly(int fd, BIO *wire)
{
	char *octets;
	size_t len = (size_t)BIO_get_mem_data(wire, &octets), sent = 0;
	struct pollfd room = { .fd = fd, .events = POLLOUT };
	while (sent < len && poll(&room, 1, FULL_MS) > 0) {
		ssize_t count = send(fd, octets + sent, len - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		must(count > 0 || errno == EAGAIN, "send");
		sent += count > 0 ? (size_t)count : 0;
	}
	(void)BIO_reset(wire);
	return sent == len;
}

/* What the server then cannot write is an update of its own, and not an answer. An ACK has none. */
static int
mute(const char *port)
{
	static const char ack[] = "ACK sip:example.com SIP/2.0\r\n"
				  "Via: SIP/2.0/TLS client.example.com;branch=z9hG4bKmute\r\n"
				  "From: <sip:abuse@example.com>;tag=1\r\n"
				  "To: <sip:example.com>;tag=2\r\n"
				  "Call-ID: mute\r\n"
				  "CSeq: 1 ACK\r\n"
				  "Max-Forwards: 70\r\n"
				  "Content-Length: 0\r\n\r\n";
	int fd = connect_to(port, 4096);
	SSL *ssl = handshake(fd, TLS1_3_VERSION);
	BIO *wire = BIO_new(BIO_s_mem());
	ask(ssl);
	SSL_set0_wbio(ssl, wire);
	do {
		for (int i = 0; i < 30; i++)
			update_key(ssl, SSL_KEY_UPDATE_REQUESTED);
		must(SSL_write(ssl, ack, sizeof(ack) - 1) > 0, "ACK");
	} while (send_slowly(fd, wire));
	puts("nothing is taken any more");
	fflush(stdout);
	while (getchar() != EOF)
		continue;
	SSL_free(ssl);
	close(fd);
	return 0;
}

int
main(int count, char **words)
{
	if (count == 4)
		return flood(words[1], words[2], strtoul(words[3], NULL, 10));
	if (count == 3 && strcmp(words[2], "mute") == 0)
		return mute(words[1]);
	fputs("usage: tls_abuse PORT updates|hellos|crammed OCTETS, or PORT mute\n", stderr);
	return 2;
}
