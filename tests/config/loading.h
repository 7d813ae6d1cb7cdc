/* Loads a text and keeps what was said about it. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "support/check_main.h"

#define DOMAIN "domain \"example.com\" {}\n"
#define CERTIFICATE "certificate \"main\" { chain = \"/c.pem\" key = \"/k.pem\" }\n"

struct loaded {
	struct config *config; /* NULL after an error */
	char *messages;
};

static inline struct loaded
load_text(const char *text)
{
	struct loaded loaded = { 0 };
	size_t len;
	FILE *errors = open_memstream(&loaded.messages, &len);
	ck_assert_ptr_nonnull(errors);
	loaded.config = config_load_text(str_of(text), "test.conf", errors);
	fclose(errors);
	return loaded;
}

/* For tests that go on with it. */
static inline struct loaded
load_good(const char *text)
{
	struct loaded loaded = load_text(text);
	ck_assert_msg(loaded.config != NULL, "%s", loaded.messages);
	return loaded;
}

static inline struct loaded
load_path(const char *path, const struct config_override *overrides, size_t count)
{
	struct loaded loaded = { 0 };
	size_t len;
	FILE *errors = open_memstream(&loaded.messages, &len);
	ck_assert_ptr_nonnull(errors);
	loaded.config = config_load(path, overrides, count, errors);
	fclose(errors);
	return loaded;
}

static inline void
unload(struct loaded *loaded)
{
	config_free(loaded->config);
	free(loaded->messages);
}

/* The text loads, and these are all messages (warnings). */
static inline void
expect_good(const char *text, const char *messages)
{
	struct loaded loaded = load_text(text);
	ck_assert_str_eq(loaded.messages, messages);
	ck_assert_msg(loaded.config != NULL, "%s", text);
	unload(&loaded);
}

/* The text is refused, and these are all messages. */
static inline void
expect_bad(const char *text, const char *messages)
{
	struct loaded loaded = load_text(text);
	ck_assert_str_eq(loaded.messages, messages);
	ck_assert_msg(loaded.config == NULL, "%s", text);
	unload(&loaded);
}

static inline char *
printed_config(const struct config *config)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	ck_assert_ptr_nonnull(out);
	config_print(config, out);
	fclose(out);
	return text;
}
