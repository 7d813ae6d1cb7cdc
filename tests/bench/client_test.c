/* What a simulated phone says and hears. The digests are from another implementation (Python's
 * hashlib). */
#include "client.h"

#include <stdlib.h>
#include <string.h>

#include "support/check_main.h"
#include "support/guard.h"

static struct clients
phones(bool sha256)
{
	struct clients all = { .domain = "example.com",
			       .password = "secret",
			       .prefix = "user",
			       .contact = "192.0.2.10:5062",
			       .transport = "UDP",
			       .sha256 = sha256,
			       .expires_s = 600,
			       .run = 0xfeed };
	ck_assert(clients_init(&all));
	return all;
}

static struct client
with_nonce(const char *nonce)
{
	struct client client = { .number = 42, .call = 3, .cseq = 7 };
	client.nonce_len = (uint16_t)strlen(nonce);
	memcpy(client.nonce, nonce, client.nonce_len);
	return client;
}

static const struct request plain = {
	.local = "127.0.0.1:40000", .local_len = 15, .slot = 0x1f, .serial = 0x20a
};

#define START                                                                               \
	"REGISTER sip:example.com SIP/2.0\r\n"                                              \
	"Via: SIP/2.0/UDP 127.0.0.1:40000;branch=z9hG4bK0000feed0000001f0000020a;rport\r\n" \
	"Max-Forwards: 70\r\n"                                                              \
	"From: <sip:user42@example.com>;tag=0000feed0000001f\r\n"                           \
	"To: <sip:user42@example.com>\r\n"                                                  \
	"Call-ID: 0000feed-42-3\r\n"                                                        \
	"CSeq: 8 REGISTER\r\n"                                                              \
	"Contact: <sip:user42@192.0.2.10:5062>\r\n"

static void
expect(const struct clients *all, struct client *client, const struct request *request,
       const char *wanted)
{
	char out[CLIENT_MESSAGE_MAX];
	size_t len = client_write(all, client, request, out);
	ck_assert_uint_lt(len, sizeof(out));
	out[len] = '\0';
	ck_assert_str_eq(out, wanted);
}

START_TEST(request_without_credentials)
{
	struct clients all = phones(true);
	struct client client = with_nonce("abc");
	struct request removal = plain;
	client_next(&client, false);
	ck_assert_uint_eq(client.nc, 0);
	expect(&all, &client, &plain,
	       START "Expires: 600\r\nUser-Agent: rollcall-load\r\nContent-Length: 0\r\n\r\n");
	removal.removal = true;
	expect(&all, &client, &removal,
	       START "Expires: 0\r\nUser-Agent: rollcall-load\r\nContent-Length: 0\r\n\r\n");
	clients_clear(&all);
}
END_TEST

#define CREDENTIALS(response, algorithm)                                                 \
	START "Expires: 600\r\nUser-Agent: rollcall-load\r\n"                            \
	      "Authorization: Digest username=\"user42\", realm=\"example.com\", "       \
	      "nonce=\"abc/+=\", "                                                       \
	      "uri=\"sip:example.com\", response=\"" response "\", algorithm=" algorithm \
	      ", qop=auth, nc=00000001, cnonce=\"0a4f113b\"\r\nContent-Length: 0\r\n\r\n"

START_TEST(request_with_credentials)
{
	struct request request = plain;
	request.credentials = true;
	struct clients all = phones(true);
	struct client client = with_nonce("abc/+=");
	client_next(&client, true);
	for (int again = 0; again < 2; again++) /* a retransmission is the same octets */
		expect(&all, &client, &request,
		       CREDENTIALS(
			       "f1c3b031110bc3d4338ac82cdd66007dacdefa9b006fca6341cd301646f9a2e3",
			       "SHA-256"));
	clients_clear(&all);
	all = phones(false);
	client = with_nonce("abc/+=");
	client_next(&client, true);
	expect(&all, &client, &request, CREDENTIALS("b3593a91c854afcac3a4a4f6fcdf4012", "MD5"));
	clients_clear(&all);
}
END_TEST

START_TEST(the_longest_request_fits)
{
	char word[CLIENT_WORD_MAX];
	memset(word, 'w', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	struct clients all = phones(true);
	clients_clear(&all);
	all.domain = all.password = all.prefix = all.contact = word;
	all.expires_s = INT32_MAX;
	ck_assert(clients_init(&all));
	struct client client = { .number = UINT32_MAX, .call = UINT32_MAX, .cseq = UINT32_MAX - 1 };
	memset(client.nonce, 'n', client.nonce_len = CLIENT_NONCE_MAX);
	struct request request = { .local = "255.255.255.255:65535",
				   .local_len = 21,
				   .slot = UINT32_MAX,
				   .serial = UINT32_MAX,
				   .credentials = true };
	char out[CLIENT_MESSAGE_MAX];
	client_next(&client, true);
	ck_assert_uint_lt(client_write(&all, &client, &request, out), sizeof(out));
	clients_clear(&all);
	char longer[CLIENT_WORD_MAX + 1];
	memset(longer, 'w', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	all.password = longer;
	ck_assert(!clients_init(&all));
}
END_TEST

static const struct answer_case {
	const char *text;
	unsigned status;
} answer_cases[] = {
	{ "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP "
	  "127.0.0.1:40000;branch=z9hG4bK0000feed0000001f0000020a;rport=40000\r\n\r\n",
	  200 },
	{ "SIP/2.0 401 Unauthorized\r\nVia: SIP/2.0/TLS "
	  "127.0.0.1:1;received=127.0.0.1;rport=1;branch=z9hG4bK0000feed0000001f0000020a\r\n\r\n",
	  401 },
	/* another run's */
	{ "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP "
	  "127.0.0.1:40000;branch=z9hG4bK0000beef0000001f0000020a;rport=40000\r\n\r\n",
	  0 },
	{ "SIP/2.0 2x0 OK\r\nVia: SIP/2.0/UDP 127.0.0.1:1;branch=z9hG4bK0000feed0000001f0000020a",
	  0 },
	{ "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1:1;branch=z9hG4bK0000feed0000001f0000020W",
	  0 },
	{ "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK0000feed0000001f0000020a", 0 },
	{ "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1:1", 0 },
};

START_TEST(answer_is_found_by_its_branch)
{
	struct clients all = phones(true);
	for (size_t i = 0; i < sizeof(answer_cases) / sizeof(*answer_cases); i++) {
		const struct answer_case *test = &answer_cases[i];
		size_t whole = strlen(test->text);
		for (size_t len = 0; len <= whole; len++) { /* cut anywhere it reads no further */
			struct str text = guard_copy((struct str){ test->text, len });
			struct answer answer = client_answer_read(&all, text.p, text.len);
			guard_free(text);
			if (len < whole)
				continue;
			ck_assert_uint_eq(answer.status, test->status);
			ck_assert(test->status == 0 ||
				  (answer.slot == 0x1f && answer.serial == 0x20a));
		}
	}
	clients_clear(&all);
}
END_TEST

static const char two_challenges[] =
	"SIP/2.0 401 Unauthorized\r\nVia: v\r\n"
	"WWW-Authenticate: Digest realm=\"r\", nonce=\"first\", algorithm=SHA-256, qop=\"auth\"\r\n"
	"WWW-Authenticate: Digest realm=\"r\",nonce=\"second\",algorithm=MD5,qop=\"auth\"\r\n"
	"Content-Length: 0\r\n\r\n";

START_TEST(challenge_of_our_algorithm_is_taken)
{
	size_t len = sizeof(two_challenges) - 1;
	struct clients all = phones(true);
	struct client client = with_nonce("old");
	client.nc = 9;
	ck_assert(client_challenged(&all, &client, two_challenges, len));
	ck_assert_uint_eq(client.nonce_len, 5);
	ck_assert_mem_eq(client.nonce, "first", 5);
	ck_assert_uint_eq(client.nc, 0);
	clients_clear(&all);
	all = phones(false);
	ck_assert(client_challenged(&all, &client, two_challenges, len));
	ck_assert_uint_eq(client.nonce_len, 6);
	ck_assert_mem_eq(client.nonce, "second", 6);
	clients_clear(&all);
}
END_TEST

START_TEST(challenge_without_algorithm_is_md5)
{
	static const char text[] =
		"SIP/2.0 401 No\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"x\"\r\n\r\n";
	struct clients all = phones(false);
	struct client client = { 0 };
	ck_assert(client_challenged(&all, &client, text, sizeof(text) - 1));
	clients_clear(&all);
	all = phones(true);
	ck_assert(!client_challenged(&all, &client, text, sizeof(text) - 1));
	clients_clear(&all);
}
END_TEST

START_TEST(frame_ends_with_its_body)
{
	static const char text[] = "SIP/2.0 200 OK\r\nContent-Length: 3\r\n\r\nabcSIP/2.0";
	size_t whole = sizeof(text) - 1 - strlen("SIP/2.0");
	for (size_t len = 0; len < whole; len++) {
		struct str part = guard_copy((struct str){ text, len });
		ck_assert_uint_eq(client_frame(part.p, part.len), 0);
		guard_free(part);
	}
	ck_assert_uint_eq(client_frame(text, whole), whole);
	ck_assert_uint_eq(client_frame(text, sizeof(text) - 1), whole);
	static const char bare[] = "SIP/2.0 200 OK\r\n\r\n";
	ck_assert_uint_eq(client_frame(bare, sizeof(bare) - 1), sizeof(bare) - 1);
}
END_TEST

SUITE(client, request_without_credentials, request_with_credentials, the_longest_request_fits,
      answer_is_found_by_its_branch, challenge_of_our_algorithm_is_taken,
      challenge_without_algorithm_is_md5, frame_ends_with_its_body)
