/* Replays files (a corpus) through a fuzz target in the ordinary suite: the files and folders named
 * on the command line. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned long replayed;

static void
replay(const char *path)
{
	FILE *file = fopen(path, "rb");
	if (file == NULL) {
		perror(path);
		exit(1);
	}
	static uint8_t buffer[1 << 20];
	size_t size = fread(buffer, 1, sizeof(buffer), file);
	fclose(file);
	uint8_t *exact =
		malloc(size + 1); /* so that the sanitizer sees each octet read past the end */
	uint8_t *data = realloc(exact, size == 0 ? 1 : size);
	memcpy(data, buffer, size);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	replayed++;
}

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		DIR *folder = opendir(argv[i]);
		if (folder == NULL) {
			replay(argv[i]);
			continue;
		}
		for (struct dirent *e; (e = readdir(folder)) != NULL;) {
			char path[4096];
			snprintf(path, sizeof(path), "%s/%s", argv[i], e->d_name);
			if (e->d_name[0] != '.')
				replay(path);
		}
		closedir(folder);
	}
	printf("%lu replayed\n", replayed);
	return 0;
}
