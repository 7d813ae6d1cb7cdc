/* Slices: a pointer and a length into octets that somebody else owns. Never NUL-terminated. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
	const char *p;
	size_t len;
};

#define STR(literal) ((struct str){ (literal), sizeof(literal) - 1 })
/* For printf-like calls: "%.*s", STR_ARG(s) */
#define STR_ARG(s) (int)(s).len, (s).p

/* The slice of a NUL-terminated string; an empty slice for NULL. */
static inline struct str
str_of(const char *text)
{
	return (struct str){ text, text == NULL ? 0 : strlen(text) };
}

static inline bool
str_empty(struct str s)
{
	return s.len == 0;
}

/* Octet for octet. */
static inline bool
str_eq(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}
/* str_ieq() of two that are equally long. */
bool str_ieq_octets(const char *a, const char *b, size_t len);
/* Without ASCII case; octets above 0x7F compare as they are. */
static inline bool
str_ieq(struct str a, struct str b)
{
	return a.len == b.len && str_ieq_octets(a.p, b.p, a.len);
}
bool str_starts(struct str s, struct str prefix);
bool str_istarts(struct str s, struct str prefix);
/* Order of unsigned octets, a shorter prefix first: <0, 0, >0. */
int str_cmp(struct str a, struct str b);
/* Without leading and trailing SP and HT. */
struct str str_trim(struct str s);
/* The part of s from offset on, at most len octets; empty where s ends. */
struct str str_slice(struct str s, size_t offset, size_t len);
/* Splits at the first separator: *head before it, *tail after it. False, with *head = s, when there
 * is none. */
bool str_cut(struct str s, char separator, struct str *head, struct str *tail);
/* 1*DIGIT up to limit; false on anything else, overflow included. */
bool str_to_u64(struct str s, uint64_t limit, uint64_t *value);
/* Copies into a buffer of cap octets with a final NUL, cut if need be; returns buf. Nothing is
 * written when cap is 0. */
char *str_copy(char *buf, size_t cap, struct str s);

static inline char
ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}
/* 0 to 15, or -1. */
int ascii_hex(char c);
