/* What a second look at a head finds. */
#include "admin/head.h"
#include "support/check_main.h"

/* Fields as "Name: value" lines; an empty one ends them. */
static const char *
flaw(const char *method, const char *target, bool http_1_0, const char *const *fields)
{
	struct head head = { .http_1_0 = http_1_0 };
	for (; *fields != NULL; fields++) {
		struct str name, value;
		str_cut(str_of(*fields), ':', &name, &value);
		head_field(&head, name, str_trim(value));
	}
	return head_flaw(&head, str_of(method), str_of(target));
}

#define FIELDS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define NO_FIELDS ((const char *const[]){ NULL })

START_TEST(sound_heads)
{
	ck_assert_ptr_null(flaw("GET", "/", false, FIELDS("Host: a")));
	ck_assert_ptr_null(flaw("GET", "/", false, FIELDS("Host:")));
	ck_assert_ptr_null(flaw("GET", "/", false, FIELDS("host: [2001:db8::1]:8080")));
	ck_assert_ptr_null(flaw("OPTIONS", "/", true, NO_FIELDS));
	ck_assert_ptr_null(flaw("OPTIONS", "*", false, FIELDS("Host: a")));
	ck_assert_ptr_null(flaw("POST", "/x", false, FIELDS("Host: a", "Content-Length: 5")));
	ck_assert_ptr_null(
		flaw("POST", "/x", false, FIELDS("Host: a", "Transfer-encoding: Chunked")));
	ck_assert_ptr_null(flaw("GET", "http://A:1/x", false, FIELDS("Host: a:1")));
	ck_assert_ptr_null(flaw("GET", "HTTPS://a", true, NO_FIELDS));
	ck_assert_ptr_null(flaw("GET", "/", false, FIELDS("Host: a", "X: \tcaf\xc3\xa9\t;")));
}
END_TEST

START_TEST(flawed_heads)
{
	ck_assert_ptr_nonnull(flaw("GET", "/", false, NO_FIELDS));
	ck_assert_ptr_nonnull(flaw("GET", "/", false, FIELDS("Host: a", "Host: a")));
	ck_assert_ptr_nonnull(flaw("GET", "/", false, FIELDS("Host: a, b")));
	ck_assert_ptr_nonnull(flaw("GET", "/", false, FIELDS("Host: u@b")));
	ck_assert_ptr_nonnull(flaw("GET", "/", false, FIELDS("Host: a", "X : y")));
	ck_assert_ptr_nonnull(flaw("GET", "/", false, FIELDS("Host: a", ": y")));
	ck_assert_ptr_nonnull(
		flaw("GET", "/", false, FIELDS("Host: a", "X: y\rContent-Length: 4")));
	ck_assert_ptr_nonnull(flaw("GET", "/", false, FIELDS("Host: a", "X: y\x7fz")));
	ck_assert_ptr_nonnull(
		flaw("GET", "/", false, FIELDS("Host: a", "Authorization: x", "Authorization: x")));
	ck_assert_ptr_nonnull(flaw("POST", "/", false,
				   FIELDS("Host: a", "Content-Length: 0", "Content-Length: 0")));
	ck_assert_ptr_nonnull(
		flaw("POST", "/", false,
		     FIELDS("Host: a", "Content-Length: 0", "Transfer-Encoding: chunked")));
	ck_assert_ptr_nonnull(
		flaw("POST", "/", false, FIELDS("Host: a", "Transfer-Encoding: gzip, chunked")));
	ck_assert_ptr_nonnull(flaw("POST", "/", true, FIELDS("Transfer-Encoding: chunked")));
}
END_TEST

START_TEST(flawed_targets)
{
	const char *const targets[] = { "",	     "*",	  "a",		 "a:443",
					"/a b",	     "/a\rb",	  "http://",	 "http:",
					"http://b/", "http:///x", "http://u@a/", "ftp://a/" };
	for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++)
		ck_assert_msg(flaw("GET", targets[i], false, FIELDS("Host: a")) != NULL, "%s",
			      targets[i]);
}
END_TEST

START_TEST(paths_of_targets)
{
	ck_assert_str_eq(head_path("/a/b"), "/a/b");
	ck_assert_str_eq(head_path("http://a:1/b//c"), "/b//c");
	ck_assert_str_eq(head_path("hTTps://a"), "/");
	ck_assert_str_eq(head_path("*"), "*");
}
END_TEST

SUITE(head, sound_heads, flawed_heads, flawed_targets, paths_of_targets)
