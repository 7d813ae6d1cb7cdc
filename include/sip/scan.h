/* The lexical rules of RFC 3261 §25.1: character classes, tokens, quoted strings, parameters. All
 * work on unfolded text. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

bool sip_is_token_char(unsigned char c);
bool sip_is_token(struct str s); /* 1*token-char */
bool sip_is_word(struct str s);	 /* §25.1 word */

/* A cursor over one header value. Each function consumes what it names, or nothing and returns
 * false. */
struct sip_scan {
	struct str rest;
};
void sip_skip_lws(struct sip_scan *scan);		/* SP and HT */
bool sip_take_char(struct sip_scan *scan, char c);	/* exactly c, no white space */
bool sip_take_separator(struct sip_scan *scan, char c); /* LWS c LWS */
bool sip_take_token(struct sip_scan *scan, struct str *token);
/* With its quotes; backslash escapes any octet but CR and LF; false when it does not end. */
bool sip_take_quoted(struct sip_scan *scan, struct str *quoted);

/* What a quoted string means: quotes off, escapes undone, in arena when it must change; a token
 * comes back as it is. */
struct str sip_unquote(struct str text, struct arena *arena);

/* One parameter of a header value, or of a URI. */
struct sip_param {
	struct str name;
	struct str value; /* as written, quotes included; empty without value */
	bool has_value;
};
/*
 * The next of ";name=value;name" (generic-param: token, host, [v6] or quoted-string, LWS around ;
 * and =). False at the end or at an error; *bad tells which. rest must start at the ';'.
 */
bool sip_next_param(struct str *rest, struct sip_param *param, bool *bad);
/* True, and the value, when the parameter is there (names compare without case). */
bool sip_find_param(struct str params, struct str name, struct sip_param *param);

/* The next member of a comma list, trimmed: commas in quoted strings and <> do not separate. An
 * empty member sets *bad. */
bool sip_next_member(struct str *rest, struct str *member, bool *bad);

/* delta-seconds as D-06 reads them: malformed counts as 3600, more than 2^32-1 as 2^32-1. */
uint32_t sip_delta_seconds(struct str text);
