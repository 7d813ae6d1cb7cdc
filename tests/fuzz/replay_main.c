/*
 * A fuzz target without libFuzzer, for the ordinary suite:
 *
 *   NAME_fuzz [--seconds N] [--seed S] FILE|FOLDER…
 *
 * Replays the files (a corpus), with little memory as well; then, for N seconds, mutations of them,
 * which come again with the same seed. The input that ends the process is left in crash-SEED for
 * ./dev fuzz or a replay.
 */
#include <dirent.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "mutator.h"

#define INPUT_MAX (1u << 20)
#define GROWN_MAX 16384u /* octets that a mutation may have */
#define STACKED_MAX 4u	 /* mutations upon each other */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* Those that a target has not are NULL. */
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));
void fuzz_little_memory(const uint8_t *data, size_t size) __attribute__((weak));
#pragma weak LLVMFuzzerCustomMutator
#pragma weak LLVMFuzzerCustomCrossOver
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

struct input {
	uint8_t *data;
	size_t size;
};

static struct input *inputs;
static size_t input_count;
static struct input running;
static unsigned long seed = 1;

static void
leave_input(void)
{
	char name[40];
	snprintf(name, sizeof(name), "crash-%lu", seed);
	FILE *file = fopen(name, "wb");
	if (file == NULL)
		return;
	fwrite(running.data, 1, running.size, file);
	fclose(file);
	fprintf(stderr, "the input (%zu octets) is in %s\n", running.size, name);
}

static void
on_abort(int number)
{
	leave_input();
	signal(number, SIG_DFL);
	raise(number);
}

/* A copy that is exactly as long, so that the sanitizer sees each octet read past the end. */
static void
run(const uint8_t *data, size_t size, bool little_memory)
{
	running = (struct input){ malloc(size == 0 ? 1 : size), size };
	if (size > 0)
		memcpy(running.data, data, size);
	LLVMFuzzerTestOneInput(running.data, size);
	if (little_memory && fuzz_little_memory != NULL)
		fuzz_little_memory(running.data, size);
	free(running.data);
}

static void
replay(const char *path)
{
	static uint8_t buffer[INPUT_MAX];
	FILE *file = fopen(path, "rb");
	if (file == NULL) {
		perror(path);
		exit(1);
	}
	size_t size = fread(buffer, 1, sizeof(buffer), file);
	fclose(file);
	run(buffer, size, true);
	inputs = realloc(inputs, (input_count + 1) * sizeof(*inputs));
	inputs[input_count] = (struct input){ malloc(size + 1), size };
	memcpy(inputs[input_count++].data, buffer, size);
}

static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* A file, or those of a folder, in an order that does not depend on the disk. */
static void
replay_all(const char *path)
{
	struct dirent **entries;
	int count = scandir(path, &entries, NULL, by_name);
	if (count < 0) {
		replay(path);
		return;
	}
	for (int i = 0; i < count; i++) {
		char name[4096];
		snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.')
			replay(name);
		free(entries[i]);
	}
	free(entries);
}

static size_t
mutate(struct dice *dice, uint8_t *data, size_t size)
{
	static uint8_t crossed[INPUT_MAX];
	unsigned number = dice_roll(dice, UINT32_MAX);
	if (LLVMFuzzerCustomCrossOver != NULL && dice_roll(dice, 8) == 0) {
		const struct input *other = &inputs[dice_roll(dice, input_count)];
		size = LLVMFuzzerCustomCrossOver(data, size, other->data, other->size, crossed,
						 GROWN_MAX, number);
		memcpy(data, crossed, size);
	}
	if (LLVMFuzzerCustomMutator != NULL)
		return LLVMFuzzerCustomMutator(data, size, GROWN_MAX, number);
	return LLVMFuzzerMutate(data, size, GROWN_MAX);
}

static unsigned long
run_mutations(double seconds)
{
	static uint8_t data[INPUT_MAX];
	struct timespec now, end;
	struct dice dice = { seed };
	unsigned long runs = 0;
	octet_mutator_seed(seed);
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += (time_t)seconds;
	do {
		for (int i = 0; i < 64; i++, runs++) {
			const struct input *from = &inputs[dice_roll(&dice, input_count)];
			size_t size = from->size < GROWN_MAX ? from->size : GROWN_MAX;
			memcpy(data, from->data, size);
			for (uint32_t n = 1 + dice_roll(&dice, STACKED_MAX); n > 0; n--)
				size = mutate(&dice, data, size);
			run(data, size, false);
		}
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec < end.tv_sec ||
		 (now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec));
	return runs;
}

static void
forget_inputs(void)
{
	for (size_t i = 0; i < input_count; i++)
		free(inputs[i].data);
	free(inputs);
}

int
main(int argc, char **argv)
{
	double seconds = 0;
	int at = 1;
	for (; at + 1 < argc && argv[at][0] == '-'; at += 2) {
		if (strcmp(argv[at], "--seconds") == 0)
			seconds = strtod(argv[at + 1], NULL);
		else
			seed = strtoul(argv[at + 1], NULL, 10);
	}
	signal(SIGABRT, on_abort);
	if (__sanitizer_set_death_callback != NULL)
		__sanitizer_set_death_callback(leave_input);
	if (LLVMFuzzerInitialize != NULL)
		LLVMFuzzerInitialize(&argc, &argv);
	for (; at < argc; at++)
		replay_all(argv[at]);
	unsigned long runs = input_count > 0 && seconds > 0 ? run_mutations(seconds) : 0;
	printf("%zu replayed, %lu mutations run\n", input_count, runs);
	forget_inputs();
	return 0;
}
