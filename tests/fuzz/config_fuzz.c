/* Any text: no crash, a message for each refusal, and what was accepted prints and loads again. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libConfuse loses the arguments of include() when the closing parenthesis is missing. */
const char *
__lsan_default_suppressions(void)
{
	return "leak:libconfuse";
}

static struct config *
load(struct str text, char **messages)
{
	size_t len;
	FILE *errors = open_memstream(messages, &len);
	if (errors == NULL)
		abort();
	struct config *config = config_load_text(text, "fuzz", errors);
	fclose(errors);
	if (config == NULL && strstr(*messages, "error: ") == NULL)
		abort();
	return config;
}

static char *
print(const struct config *config)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	if (out == NULL)
		abort();
	config_print(config, out);
	fclose(out);
	return text;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *messages, *messages_again;
	if (size > 1u << 16)
		return 0;
	struct config *config = load((struct str){ (const char *)data, size }, &messages);
	free(messages);
	if (config == NULL)
		return 0;
	char *printed = print(config);
	struct config *again = load(str_of(printed), &messages_again);
	if (again == NULL) {
		fprintf(stderr, "%s%s", printed, messages_again);
		abort();
	}
	char *printed_again = print(again);
	if (strcmp(printed, printed_again) != 0)
		abort();
	free(messages_again);
	free(printed);
	free(printed_again);
	config_free(config);
	config_free(again);
	return 0;
}
