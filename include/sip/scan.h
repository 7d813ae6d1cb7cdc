/* The lexical rules of RFC 3261 §25.1: tokens, quoted strings, parameters, comma lists. All work on
 * unfolded text. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "base/writer.h"

/* Parameters of one value, or of one URI, and headers of one URI: more are a syntax error. The
 * limit keeps the search for repeated names (PAR-7.3.1-6) from growing with the square of what was
 * sent. */
#define SIP_MAX_PARAMS 64u

bool sip_is_token_char(unsigned char c);
/* No header field holds one, unless escaped in a quoted string; a tab is white space. */
bool sip_is_control(char c);
bool sip_is_token(struct str s); /* 1*token-char */
bool sip_is_word(struct str s);	 /* §25.1 word */

/* What a client sent, octet for octet; only a control octet that is not escaped in a quoted string,
 * which makes a field malformed, becomes a '?', so that no answer carries it further. */
void sip_write_clean(struct writer *w, struct str text);
/* The same for a field that has no quoted strings in its grammar: there every one does. */
void sip_write_plain(struct writer *w, struct str text);

/* A cursor over one header value. Each function consumes what it names, or nothing and returns
 * false. */
struct sip_scan {
	struct str rest;
};
void sip_skip_lws(struct sip_scan *scan);		/* SP and HT */
bool sip_take_char(struct sip_scan *scan, char c);	/* exactly c, no white space */
bool sip_take_separator(struct sip_scan *scan, char c); /* LWS c LWS */
bool sip_take_token(struct sip_scan *scan, struct str *token);
/*
 * With its quotes. A backslash escapes any octet from 0x00 to 0x7F but CR and LF (PAR-25-2); octets
 * from 0x80 may stand unescaped, control octets may not. False when it does not end.
 */
bool sip_take_quoted(struct sip_scan *scan, struct str *quoted);

/* What a quoted string means: quotes off, escapes undone, in arena when it must change (empty when
 * the arena is exhausted); a token comes back as it is. */
struct str sip_unquote(struct str text, struct arena *arena);

/* One parameter of a header value, or of a URI. */
struct sip_param {
	struct str name;
	struct str value; /* as written, quotes included; empty without value */
	bool has_value;
};
/*
 * The next of ";name=value;name" (generic-param: token, host, [v6] or quoted-string, LWS around ;
 * and =; also a bare IPv6 address, RFC 5118 §4.5). False at the end or at an error; *bad tells
 * which. rest must start at the ';'. Not for the parameters of a URI: sip_next_uri_param().
 */
bool sip_next_param(struct str *rest, struct sip_param *param, bool *bad);
/* Every parameter is well-formed, no name is repeated (PAR-7.3.1-6), at most SIP_MAX_PARAMS. */
bool sip_params_valid(struct str params);
/* True, and the parameter, when it is there (names compare without case). For parameters of a value
 * or of a URI that was parsed before: judges nothing. */
bool sip_find_param(struct str params, struct str name, struct sip_param *param);

/*
 * The next member of a comma list, trimmed: commas in quoted strings and <> do not separate. False
 * at the end or at an empty member; *bad tells which. A value without any member is an empty one.
 *   for (struct str rest = value, member; sip_next_member(&rest, &member, &bad);)
 */
bool sip_next_member(struct str *rest, struct str *member, bool *bad);

/* delta-seconds as D-06 reads them: malformed counts as 3600, more than 2^32-1 as 2^32-1. */
uint32_t sip_delta_seconds(struct str text);
