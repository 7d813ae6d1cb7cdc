/* Two URIs separated by a line feed: slices, what is written parses to the same, comparison is
 * reflexive and symmetric, the canonical form is a fixed point. */
#include "fuzz.h"
#include "sip/uri.h"

static void
check_slices(const struct sip_uri *uri, struct str text)
{
	FUZZ_CHECK(fuzz_inside(uri->text, text) && fuzz_inside(uri->scheme_text, text));
	FUZZ_CHECK(fuzz_inside(uri->user, text) && fuzz_inside(uri->password, text));
	FUZZ_CHECK(fuzz_inside(uri->host.text, text) && fuzz_inside(uri->opaque, text));
	FUZZ_CHECK(fuzz_inside(uri->params, text) && fuzz_inside(uri->headers, text));
}

static void
write_uri(struct writer *w, const struct sip_uri *uri)
{
	writer_str(w, uri->scheme_text);
	writer_char(w, ':');
	if (uri->scheme == SIP_SCHEME_OTHER) {
		writer_str(w, uri->opaque);
		return;
	}
	writer_str(w, uri->user);
	if (uri->has_password)
		writer_char(w, ':');
	writer_str(w, uri->password);
	if (uri->has_user)
		writer_char(w, '@');
	writer_str(w, uri->host.text);
	if (uri->port != 0)
		writer_char(w, ':');
	if (uri->port != 0)
		writer_u64(w, uri->port);
	writer_str(w, uri->params);
	writer_str(w, uri->headers);
}

static void
check_written(const struct sip_uri *uri, size_t len)
{
	char *buf = malloc(len + 1);
	struct writer w = writer_on(buf, len + 1);
	struct sip_uri again;
	write_uri(&w, uri);
	FUZZ_CHECK(writer_ok(&w));
	FUZZ_CHECK(sip_uri_parse(&again, writer_text(&w)));
	FUZZ_CHECK(sip_uri_equal(uri, &again) && sip_uri_equal(&again, uri));
	FUZZ_CHECK(again.port == uri->port && str_eq(again.params, uri->params));
	free(buf);
}

static void
check_canonical(struct str component)
{
	size_t cap = 3 * component.len + 1;
	char *once = malloc(cap), *twice = malloc(3 * cap);
	struct writer w = writer_on(once, cap), v = writer_on(twice, 3 * cap);
	FUZZ_CHECK(sip_canonical_escape(&w, component) && writer_ok(&w));
	FUZZ_CHECK(sip_canonical_escape(&v, writer_text(&w)) && writer_ok(&v));
	FUZZ_CHECK(str_eq(writer_text(&w), writer_text(&v)));
	free(once);
	free(twice);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str a_text, b_text, text = { (const char *)data, size };
	struct sip_uri a, b;
	str_cut(text, '\n', &a_text, &b_text);
	bool a_good = sip_uri_parse(&a, a_text), b_good = sip_uri_parse(&b, b_text);
	if (a_good) {
		check_slices(&a, a_text);
		check_written(&a, a_text.len);
		check_canonical(a.user);
		FUZZ_CHECK(sip_uri_equal(&a, &a));
	}
	if (a_good && b_good) {
		bool equal = sip_uri_equal(&a, &b);
		FUZZ_CHECK(sip_uri_equal(&b, &a) == equal);
		FUZZ_CHECK(!equal || sip_uri_equal_but_scheme(&a, &b));
		FUZZ_CHECK(sip_uri_equal_but_scheme(&a, &b) == sip_uri_equal_but_scheme(&b, &a));
	}
	return 0;
}
