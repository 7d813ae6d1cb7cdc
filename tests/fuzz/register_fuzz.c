/*
 * Whole registrations, one after another against the same rows. The input is a scene
 * (WORLD_SCENE_OCTETS of policy and marks, then a stored contact a line) and steps: octets that say
 * who asks, with which nonce, count, Call-ID and order, and what the database does, then header
 * lines. The right digest is worked out here, so that most inputs get past it. What must hold is in
 * register_check.c.
 */
#include "register_world.h"

#define STEPS_MAX 8
#define INPUT_BYTES_MAX 16384u

int LLVMFuzzerInitialize(int *argc, char ***argv);

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	world_prepare();
	return 0;
}

/* So many octets, zero where there are none left. */
static void
take_octets(struct str *rest, uint8_t *octets, size_t count)
{
	for (size_t i = 0; i < count; i++)
		octets[i] = i < rest->len ? (uint8_t)rest->p[i] : 0;
	*rest = str_slice(*rest, count, rest->len);
}

static struct str
take_text(struct str *rest, char end)
{
	struct str text, tail;
	if (!str_cut(*rest, end, &text, &tail))
		tail = (struct str){ rest->p + rest->len, 0 };
	*rest = tail;
	return text;
}

static void
take_step(struct world *world, struct str *rest)
{
	uint8_t step[WORLD_STEP_OCTETS];
	take_octets(rest, step, sizeof(step));
	world_run(world, world_request(world, step, take_text(rest, WORLD_END)));
	world_forget(world);
}

/* within: the memory of each request; NULL: what its step says. */
static void
run_input(const uint8_t *data, size_t size, const size_t *within)
{
	struct str rest = { (const char *)data, size };
	uint8_t scene[WORLD_SCENE_OCTETS];
	struct world world;
	if (size > INPUT_BYTES_MAX)
		return;
	take_octets(&rest, scene, sizeof(scene));
	world_open(&world, scene);
	world.within = within;
	struct str stored = take_text(&rest, WORLD_END);
	while (!str_empty(stored))
		world_stored(&world, take_text(&stored, '\n'));
	world_settle(&world);
	for (int steps = 0; steps < STEPS_MAX && !str_empty(rest); steps++)
		take_step(&world, &rest);
	world_close(&world);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	run_input(data, size, NULL);
	return 0;
}

/* A thousand files have all limits between them, each of them four or five. */
void
fuzz_little_memory(const uint8_t *data, size_t size)
{
	for (size_t limit = size % 16 * 16; limit < 16384; limit = 4 * limit + 256)
		run_input(data, size, &limit);
}
