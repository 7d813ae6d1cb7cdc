/* What is refused at start, and in which words (section 10 of the operators' manual). */
#include <sys/stat.h>

#include "base/str.h"
#include "pki.h"

static char error[512];
static char warnings[1024];

static void
keep_warning(const char *sentence, void *arg)
{
	(void)arg;
	size_t len = strlen(warnings);
	snprintf(warnings + len, sizeof(warnings) - len, "%s\n", sentence);
}

/* True when a server with this one certificate starts; else the reason is in error. */
static bool
starts(const char *chain, const char *key)
{
	struct tls_certificate_settings certificate = { "main", chain, key };
	struct tls_settings settings = usual_tls(&certificate, 1);
	error[0] = '\0';
	struct tls_server *server =
		tls_server_open(&settings, error, sizeof(error), keep_warning, NULL);
	tls_server_release(server);
	return server != NULL;
}

static void
refused_with(const char *chain, const char *key, const char *words)
{
	ck_assert(!starts(chain, key));
	ck_assert_msg(strstr(error, words) != NULL, "\"%s\" is not in \"%s\"", words, error);
}

START_TEST(good_certificates_start)
{
	struct pki pki;
	pki_open(&pki);
	struct identity root =
		pki_issue(&pki, (struct wish){ .name = "Root", .ca = true, .rsa_bits = 2048 });
	struct identity middle =
		pki_issue(&pki, (struct wish){ .name = "R11", .ca = true, .issuer = &root });
	struct identity leaf =
		pki_issue(&pki, (struct wish){ .name = "reg.example.com", .issuer = &middle });
	struct identity alone = pki_issue(&pki, (struct wish){ .name = "alone.example.com" });
	const char *key = pki_key(&pki, leaf.key);
	ck_assert_msg(starts(PKI_CHAIN(&pki, leaf.x, middle.x), key), "%s", error);
	ck_assert_msg(starts(PKI_CHAIN(&pki, leaf.x, root.x, middle.x), key), "%s", error);
	ck_assert_msg(starts(PKI_CHAIN(&pki, root.x), pki_key(&pki, root.key)), "%s", error);
	ck_assert_msg(starts(PKI_CHAIN(&pki, alone.x), pki_key(&pki, alone.key)), "%s", error);
	identity_free(&root);
	identity_free(&middle);
	identity_free(&leaf);
	identity_free(&alone);
	pki_close(&pki);
}
END_TEST

START_TEST(key_and_chain_must_belong_together)
{
	struct pki pki;
	char words[256];
	pki_open(&pki);
	struct identity root = pki_issue(&pki, (struct wish){ .name = "R11", .ca = true });
	struct identity impostor = pki_issue(&pki, (struct wish){ .name = "R11", .ca = true });
	struct identity leaf =
		pki_issue(&pki, (struct wish){ .name = "reg.example.com", .issuer = &root });
	const char *other_key = pki_key(&pki, root.key);
	snprintf(words, sizeof(words),
		 "certificate main: private key does not belong to chain (public keys differ); "
		 "check key = %s",
		 other_key);
	refused_with(PKI_CHAIN(&pki, leaf.x, root.x), other_key, words);
	const char *missing =
		"certificate main: issuer \"R11\" is not in the file; use the full chain";
	const char *key = pki_key(&pki, leaf.key);
	refused_with(PKI_CHAIN(&pki, leaf.x), key, missing);
	refused_with(PKI_CHAIN(&pki, leaf.x, leaf.x), key, missing);
	refused_with(PKI_CHAIN(&pki, leaf.x, impostor.x), key, missing); /* name without key */
	identity_free(&root);
	identity_free(&impostor);
	identity_free(&leaf);
	pki_close(&pki);
}
END_TEST

START_TEST(dates_are_checked)
{
	struct pki pki;
	char date[16], words[128];
	time_t expired_at = time(NULL) - 3 * 86400;
	struct tm tm;
	pki_open(&pki);
	struct wish wish = { .name = "reg.example.com", .from_days = -90, .until_days = -3 };
	struct identity past = pki_issue(&pki, wish);
	wish.from_days = 2;
	wish.until_days = 90;
	struct identity future = pki_issue(&pki, wish);
	struct identity root = pki_issue(
		&pki,
		(struct wish){ .name = "R11", .ca = true, .from_days = -90, .until_days = -1 });
	struct identity leaf =
		pki_issue(&pki, (struct wish){ .name = "reg.example.com", .issuer = &root });
	strftime(date, sizeof(date), "%Y-%m-%d", gmtime_r(&expired_at, &tm));
	snprintf(words, sizeof(words), "certificate main: expired 3 days ago (%.10s)", date);
	refused_with(PKI_CHAIN(&pki, past.x), pki_key(&pki, past.key), words);
	refused_with(PKI_CHAIN(&pki, future.x), pki_key(&pki, future.key),
		     "certificate main: not valid before 20");
	refused_with(PKI_CHAIN(&pki, leaf.x, root.x), pki_key(&pki, leaf.key),
		     "certificate main: issuer \"R11\" expired 1 day ago (");
	identity_free(&past);
	identity_free(&future);
	identity_free(&root);
	identity_free(&leaf);
	pki_close(&pki);
}
END_TEST

/* Of several, the one whose files are no good is what it was before, and the others are new. */
START_TEST(one_that_is_no_good_keeps_no_other_from_renewal)
{
	struct pki pki;
	struct tls_certificate_info info[2];
	pki_open(&pki);
	struct identity one = pki_issue(&pki, (struct wish){ .name = "one.example.com" });
	struct identity two = pki_issue(&pki, (struct wish){ .name = "two.example.com" });
	struct identity past = pki_issue(
		&pki,
		(struct wish){ .name = "one.example.com", .from_days = -90, .until_days = -3 });
	struct identity renewed = pki_issue(&pki, (struct wish){ .name = "new.example.com" });
	struct tls_certificate_settings both[] = {
		{ "first", PKI_CHAIN(&pki, one.x), pki_key(&pki, one.key) },
		{ "second", PKI_CHAIN(&pki, two.x), pki_key(&pki, two.key) },
	};
	struct tls_settings settings = usual_tls(both, 2);
	struct tls_server *before = tls_server_open(&settings, error, sizeof(error), NULL, NULL);
	ck_assert_msg(before != NULL, "%s", error);
	ck_assert_str_eq(error, "");
	both[0].chain = PKI_CHAIN(&pki, past.x);
	both[0].key = pki_key(&pki, past.key);
	both[1].chain = PKI_CHAIN(&pki, renewed.x);
	both[1].key = pki_key(&pki, renewed.key);
	ck_assert_ptr_null(tls_server_open(&settings, error, sizeof(error), NULL, NULL));
	settings.previous = before;
	struct tls_server *after = tls_server_open(&settings, error, sizeof(error), NULL, NULL);
	ck_assert_msg(after != NULL, "%s", error);
	ck_assert_ptr_nonnull(strstr(error, "certificate first: expired 3 days ago"));
	tls_server_release(before);
	ck_assert_uint_eq(tls_server_certificates(after, info, 2), 2);
	ck_assert_str_eq(info[0].subject, "one.example.com");
	ck_assert_str_eq(info[1].subject, "new.example.com");
	ck_assert_str_eq(tls_server_certificate_name(after, 0, 0), "one.example.com");
	tls_server_forget_keys(after);
	settings.previous = after;
	struct tls_server *told = tls_server_open(&settings, error, sizeof(error), NULL, NULL);
	ck_assert_msg(told != NULL, "%s", error);
	ck_assert_str_eq(tls_server_certificate_name(told, 0, 0), "one.example.com");
	both[0].name = "another"; /* nobody has read it before */
	ck_assert_ptr_null(tls_server_open(&settings, error, sizeof(error), NULL, NULL));
	tls_server_release(after);
	tls_server_release(told);
	identity_free(&one);
	identity_free(&two);
	identity_free(&past);
	identity_free(&renewed);
	pki_close(&pki);
}
END_TEST

/* Whoever would have none otherwise takes one that has expired, or whose issuer has, but no other.
 */
START_TEST(any_date_will_do)
{
	struct pki pki;
	pki_open(&pki);
	struct identity past = pki_issue(
		&pki,
		(struct wish){ .name = "reg.example.com", .from_days = -90, .until_days = -3 });
	struct identity root = pki_issue(
		&pki,
		(struct wish){ .name = "R11", .ca = true, .from_days = -90, .until_days = -1 });
	struct identity leaf =
		pki_issue(&pki, (struct wish){ .name = "reg.example.com", .issuer = &root });
	struct tls_certificate_settings main = { "main", PKI_CHAIN(&pki, past.x),
						 pki_key(&pki, past.key) };
	struct tls_settings settings = usual_tls(&main, 1);
	struct tls_server *server;
	settings.any_date = true;
	server = tls_server_open(&settings, error, sizeof(error), NULL, NULL);
	ck_assert_msg(server != NULL, "%s", error);
	tls_server_release(server);
	main.chain = PKI_CHAIN(&pki, leaf.x, root.x);
	ck_assert_ptr_null(tls_server_open(&settings, error, sizeof(error), NULL, NULL));
	ck_assert_ptr_nonnull(strstr(error, "private key does not belong to chain"));
	main.key = pki_key(&pki, leaf.key);
	server = tls_server_open(&settings, error, sizeof(error), NULL, NULL);
	ck_assert_msg(server != NULL, "%s", error);
	tls_server_release(server);
	identity_free(&past);
	identity_free(&root);
	identity_free(&leaf);
	pki_close(&pki);
}
END_TEST

/* TLS-9325-4.5-1: RSA below 2048 bits and SHA-1 signatures do not start */
START_TEST(weak_keys_and_signatures_are_refused)
{
	struct pki pki;
	pki_open(&pki);
	struct identity small =
		pki_issue(&pki, (struct wish){ .name = "reg.example.com", .rsa_bits = 1024 });
	struct identity almost =
		pki_issue(&pki, (struct wish){ .name = "reg.example.com", .rsa_bits = 2040 });
	struct identity sha1 =
		pki_issue(&pki, (struct wish){ .name = "reg.example.com", .digest = EVP_sha1() });
	struct identity md5 = pki_issue(
		&pki,
		(struct wish){ .name = "reg.example.com", .rsa_bits = 2048, .digest = EVP_md5() });
	struct identity root = pki_issue(&pki, (struct wish){ .name = "Root", .ca = true });
	struct identity middle = pki_issue(
		&pki,
		(struct wish){ .name = "R11", .ca = true, .issuer = &root, .digest = EVP_sha1() });
	struct identity leaf =
		pki_issue(&pki, (struct wish){ .name = "reg.example.com", .issuer = &middle });
	refused_with(PKI_CHAIN(&pki, small.x), pki_key(&pki, small.key),
		     "certificate main: key is too weak (rsaEncryption, 1024 bits)");
	refused_with(PKI_CHAIN(&pki, almost.x), pki_key(&pki, almost.key), "2040 bits");
	refused_with(PKI_CHAIN(&pki, sha1.x), pki_key(&pki, sha1.key),
		     "certificate main: signature is too weak (ecdsa-with-SHA1)");
	refused_with(PKI_CHAIN(&pki, md5.x), pki_key(&pki, md5.key), "signature is too weak");
	refused_with(PKI_CHAIN(&pki, leaf.x, middle.x), pki_key(&pki, leaf.key),
		     "issuer \"R11\" signature is too weak");
	identity_free(&small);
	identity_free(&almost);
	identity_free(&sha1);
	identity_free(&md5);
	identity_free(&root);
	identity_free(&middle);
	identity_free(&leaf);
	pki_close(&pki);
}
END_TEST

/* Root may read everything, so the test is somebody else for a moment. */
START_TEST(unreadable_files_are_explained)
{
	struct pki pki;
	const char *path;
	pki_open(&pki);
	struct identity good = pki_issue(&pki, (struct wish){ .name = "reg.example.com" });
	const char *chain = PKI_CHAIN(&pki, good.x);
	const char *key = pki_key(&pki, good.key);
	uid_t me = geteuid();
	chmod(pki.dir, 0755);
	chmod(key, 0);
	if (me == 0)
		ck_assert_int_eq(seteuid(65534), 0);
	bool started = starts(chain, key);
	if (me == 0)
		ck_assert_int_eq(seteuid(me), 0);
	ck_assert(!started);
	ck_assert_msg(strncmp(error, key, strlen(key)) == 0, "%s", error);
	ck_assert_ptr_nonnull(strstr(error, ": permission denied for user "));
	ck_assert_ptr_nonnull(strstr(error, "; run: chgrp "));
	ck_assert_ptr_nonnull(strstr(error, " && chmod 0640 "));
	chmod(key, 0600);
	ck_assert(starts(chain, key));
	refused_with("/nonexistent/chain.pem", key,
		     "/nonexistent/chain.pem: no such file or directory");
	refused_with(key, key, "holds no certificate in PEM form");
	refused_with(chain, chain, "holds no private key in PEM form");
	FILE *file = pki_file(&pki, &path);
	PEM_write_PrivateKey(file, good.key, EVP_aes_128_cbc(), (const unsigned char *)"x", 1, NULL,
			     NULL);
	fclose(file);
	refused_with(chain, path, "without a passphrase");
	identity_free(&good);
	pki_close(&pki);
}
END_TEST

/* TLS-26.3.1-3: TLS without a certificate does not start, nor client authentication without CAs */
START_TEST(what_is_missing_is_named)
{
	struct pki pki;
	pki_open(&pki);
	struct identity good = pki_issue(&pki, (struct wish){ .name = "reg.example.com" });
	struct tls_certificate_settings certificate = { "main", PKI_CHAIN(&pki, good.x),
							pki_key(&pki, good.key) };
	struct tls_settings settings = usual_tls(NULL, 0);
	ck_assert_ptr_null(tls_server_open(&settings, error, sizeof(error), NULL, NULL));
	ck_assert_ptr_nonnull(strstr(error, "certificate section"));
	settings = usual_tls(&certificate, 1);
	settings.client_auth = TLS_CLIENT_AUTH_REQUIRE;
	settings.client_ca = "";
	ck_assert_ptr_null(tls_server_open(&settings, error, sizeof(error), NULL, NULL));
	ck_assert_ptr_nonnull(strstr(error, "tls.client_ca"));
	settings.client_ca = certificate.key;
	ck_assert_ptr_null(tls_server_open(&settings, error, sizeof(error), NULL, NULL));
	ck_assert_ptr_nonnull(strstr(error, "holds no certificate"));
	settings = usual_tls(&certificate, 1);
	settings.ciphers = "NONSENSE";
	ck_assert_ptr_null(tls_server_open(&settings, error, sizeof(error), NULL, NULL));
	ck_assert_str_eq(error, "tls.ciphers \"NONSENSE\" names no cipher suite of TLS 1.2");
	identity_free(&good);
	pki_close(&pki);
}
END_TEST

static void
warned(struct pki *pki, const char *name, const char *names, const char *const *domains,
       size_t count, const char *expected)
{
	struct identity made = pki_issue(pki, (struct wish){ .name = name, .names = names });
	struct tls_certificate_settings certificate = { "main", PKI_CHAIN(pki, made.x),
							pki_key(pki, made.key) };
	struct tls_settings settings = usual_tls(&certificate, 1);
	settings.domains = domains;
	settings.domain_count = count;
	warnings[0] = '\0';
	struct tls_server *server =
		tls_server_open(&settings, error, sizeof(error), keep_warning, NULL);
	ck_assert_ptr_nonnull(server);
	ck_assert_str_eq(warnings, expected);
	tls_server_release(server);
	identity_free(&made);
}

/* TLS-5922-6-1: a served domain that no certificate names is warned about; URIs come before DNS
 * names, the common name counts in old certificates only, wildcards never do */
START_TEST(domains_without_a_certificate)
{
	static const char *const domains[] = { "example.com", "voice.example.net" };
	struct pki pki;
	pki_open(&pki);
	warned(&pki, "x", "DNS:reg.example.com,DNS:Example.com", domains, 2,
	       "certificate main covers reg.example.com, Example.com but not served domain "
	       "voice.example.net; SIPS clients there will refuse it\n");
	warned(&pki, "x", "URI:sip:example.com,URI:SIP:voice.example.net", domains, 2, "");
	warned(&pki, "x", "URI:sip:example.com,DNS:voice.example.net", domains, 2,
	       "certificate main covers example.com but not served domain voice.example.net; "
	       "SIPS clients there will refuse it\n");
	warned(&pki, "x", "URI:sip:example.com,DNS:example.com", domains, 2,
	       "certificate main covers example.com but not served domain voice.example.net; "
	       "SIPS clients there will refuse it\n");
	warned(&pki, "x", "URI:sip:alice@example.com,URI:sips:example.com", domains, 1,
	       "certificate main covers no name but not served domain example.com; SIPS clients "
	       "there will refuse it\n");
	warned(&pki, "example.com", NULL, domains, 1, "");
	warned(&pki, "example.com", "DNS:*.com", domains, 1,
	       "certificate main covers *.com but not served domain example.com; SIPS clients "
	       "there will refuse it\n");
	pki_close(&pki);
}
END_TEST

START_TEST(certificates_are_listed_with_their_end)
{
	struct pki pki;
	struct tls_certificate_info info[2];
	pki_open(&pki);
	struct identity one = pki_issue(&pki, (struct wish){ .name = "one.example.com" });
	struct identity two = pki_issue(
		&pki,
		(struct wish){ .name = "two.example.com", .from_days = -1, .until_days = 10 });
	struct tls_certificate_settings certificates[] = {
		{ "main", PKI_CHAIN(&pki, one.x), pki_key(&pki, one.key) },
		{ "second", PKI_CHAIN(&pki, two.x), pki_key(&pki, two.key) },
	};
	struct tls_settings settings = usual_tls(certificates, 2);
	struct tls_server *server = tls_opened(&settings);
	ck_assert_uint_eq(tls_server_certificates(server, info, 1), 2);
	ck_assert_uint_eq(tls_server_certificates(server, info, 2), 2);
	ck_assert_str_eq(info[0].name, "main");
	ck_assert_str_eq(info[1].name, "second");
	ck_assert_int_le(labs(info[1].not_after - (time(NULL) + 10 * 86400)), 60);
	tls_server_release(server);
	identity_free(&one);
	identity_free(&two);
	pki_close(&pki);
}
END_TEST

/* A domain that stands there as URI and as DNS name is one name to an operator */
START_TEST(names_are_listed_once)
{
	struct pki pki;
	pki_open(&pki);
	struct identity made =
		pki_issue(&pki, (struct wish){ .name = "x",
					       .names = "URI:sip:example.com,DNS:Example.com,"
							"DNS:reg.example.com" });
	struct tls_certificate_settings certificate = { "main", PKI_CHAIN(&pki, made.x),
							pki_key(&pki, made.key) };
	struct tls_settings settings = usual_tls(&certificate, 1);
	struct tls_server *server = tls_opened(&settings);
	ck_assert_str_eq(tls_server_certificate_name(server, 0, 0), "example.com");
	ck_assert_str_eq(tls_server_certificate_name(server, 0, 1), "reg.example.com");
	ck_assert_ptr_null(tls_server_certificate_name(server, 0, 2));
	tls_server_release(server);
	identity_free(&made);
	pki_close(&pki);
}
END_TEST

SUITE(certificate, good_certificates_start, key_and_chain_must_belong_together, dates_are_checked,
      any_date_will_do, one_that_is_no_good_keeps_no_other_from_renewal,
      weak_keys_and_signatures_are_refused, unreadable_files_are_explained,
      what_is_missing_is_named, domains_without_a_certificate,
      certificates_are_listed_with_their_end, names_are_listed_once)
