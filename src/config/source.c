/*
 * Files into settings. libConfuse reads them; its callbacks tell us each assignment with file and
 * line, and nothing of its tree is used afterwards, since a repeated option or title is already
 * overwritten there. It stops at the first name it does not know: that name is then added to its
 * table as one to skip, and the file is read again, so that one run reports all of them. It also
 * takes the end of the file for the end of a section: a call that we add behind the text must come.
 */
#include <confuse.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "load.h"
#include "spare.h"

#define TEXT_MAX (1u << 20) /* octets of all files together */
#define FILES_MAX 256
#define MEMORY_AN_OCTET 64 /* an octet of text costs no more, in settings, copies and options */
#define SKIPPED_MAX 32
#define KEYS_IN_A_SECTION 16 /* at most, and what libConfuse adds */
/* Names of ours, which no file can use unquoted: an option of every section, a function. */
#define OPENED "(section)"
#define ENDED "(end)"
static const char ending[] = "\n\"" ENDED "\"()\n";

/* A name that does not exist, in a section that does. */
struct skipped {
	enum config_section section;
	const char *name;
};

/* A file still to be read. */
struct included {
	struct included *next;
	const char *path;
	struct place place; /* where it was named */
};

/* One file on its way in. */
struct reader {
	struct loader *loader;
	const char *file;
	unsigned rank;
	struct section *sections; /* of this reading, newest first */
	cfg_t *open;		  /* libConfuse's part of the newest */
	struct included *includes;
	struct skipped skipped[SKIPPED_MAX];
	size_t skipped_count;
	unsigned lines;
	bool again; /* stopped at a name that is now in skipped */
	bool ended; /* the ending was reached, outside of all sections */
};

/* libConfuse hands its callbacks no argument of ours and keeps its scanner in globals, so that one
 * file is read at a time anyway: this is who reads it. */
static struct reader *reading;

static struct place
here(const cfg_t *cfg)
{
	return (struct place){ reading->file, cfg->line > 0 ? (unsigned)cfg->line : 0,
			       reading->rank };
}

/* A name in a file is relative to that file. */
static const char *
beside(struct loader *loader, const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');
	if (name[0] == '/' || slash == NULL)
		return loader_copy(loader, str_of(name));
	return loader_printf(loader, "%.*s/%s", (int)(slash - path), path, name);
}

static void
append_file(struct loader *loader, struct included **files, const char *path, struct place place)
{
	struct included *file = loader_alloc(loader, sizeof(*file));
	while (*files != NULL)
		files = &(*files)->next;
	file->path = path;
	file->place = place;
	*files = file;
}

/* --- callbacks --- */

static int
note_opened(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
	struct section *section = loader_alloc(reading->loader, sizeof(*section));
	(void)opt;
	if (!section_find(str_of(cfg->name), &section->kind))
		return -1;
	section->title =
		cfg->title == NULL ? NULL : loader_copy(reading->loader, str_of(cfg->title));
	section->place = here(cfg);
	section->next = reading->sections;
	reading->sections = section;
	reading->open = cfg;
	*(const char **)result = value;
	return 0;
}

static void
open_setting(const struct config_key *key, struct place place)
{
	struct setting *setting = loader_alloc(reading->loader, sizeof(*setting));
	setting->key = key;
	setting->place = place;
	section_append(reading->sections, setting);
}

static struct setting *
newest_setting(const struct section *section)
{
	struct setting *newest = section->settings;
	while (newest != NULL && newest->next != NULL)
		newest = newest->next;
	return newest;
}

static int
note_value(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
	/* libConfuse reads "server|workers" outside of the section as well. */
	if (cfg != reading->open) {
		complain(reading->loader, here(cfg), "%s stands outside of its section", opt->name);
		return -1;
	}
	const struct config_key *key = key_find(reading->sections->kind, str_of(opt->name));
	if (key == NULL)
		return -1;
	*(const char **)result = value;
	/* An open string that took in the ending. */
	if (here(cfg).line > reading->lines)
		return 0;
	/* The first value of an assignment; "=" has thrown away those of an earlier one. */
	struct setting *newest = newest_setting(reading->sections);
	if (opt->nvalues <= 1 || newest == NULL || newest->key != key) {
		open_setting(key, here(cfg));
		newest = newest_setting(reading->sections);
	}
	setting_append(reading->loader, newest, loader_copy(reading->loader, str_of(value)));
	return 0;
}

static int
skip_value(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
	(void)cfg;
	(void)opt;
	*(const char **)result = value;
	return 0;
}

/* An empty list calls no callback for a value; it shows when its section ends. */
static int
note_closed(cfg_t *root, cfg_opt_t *section)
{
	(void)root;
	(void)section;
	for (const cfg_opt_t *opt = reading->open->opts; opt->name != NULL; opt++) {
		const struct config_key *key = key_find(reading->sections->kind, str_of(opt->name));
		if (key != NULL && (opt->flags & CFGF_MODIFIED) != 0 && opt->nvalues == 0)
			open_setting(key, reading->sections->place);
	}
	return 0;
}

/* libConfuse's own include resolves names against the working directory and leaks after an error in
 * the included file: here it only notes the name. */
static int
note_include(cfg_t *cfg, cfg_opt_t *opt, int argc, const char **argv)
{
	(void)opt;
	if (argc != 1) {
		complain(reading->loader, here(cfg), "include takes one file name");
		return -1;
	}
	append_file(reading->loader, &reading->includes,
		    beside(reading->loader, reading->file, argv[0]), here(cfg));
	return 0;
}

static int
note_ended(cfg_t *cfg, cfg_opt_t *opt, int argc, const char **argv)
{
	(void)cfg;
	(void)opt;
	(void)argc;
	(void)argv;
	reading->ended = true;
	return 0;
}

static void
complain_unclosed(struct place place)
{
	place.line = reading->lines;
	complain(reading->loader, place, "the file ends within a section, list, string or comment");
}

static void
note_unknown(const cfg_t *cfg, const char *name)
{
	struct loader *loader = reading->loader;
	enum config_section section;
	if (!section_find(str_of(cfg->name), &section)) {
		complain(loader, here(cfg), "no such section \"%s\"%s", name,
			 suggest_section(loader, str_of(name)));
		return;
	}
	complain(loader, here(cfg), "no such option \"%s\" in %s%s", name, cfg->name,
		 suggest_key(loader, section, str_of(name)));
	/* A name with "|" is a path for libConfuse and cannot be added. */
	if (reading->skipped_count == SKIPPED_MAX || strchr(name, '|') != NULL)
		return;
	reading->skipped[reading->skipped_count++] =
		(struct skipped){ section, loader_copy(loader, str_of(name)) };
	reading->again = true;
}

static void
note_error(cfg_t *cfg, const char *format, va_list args)
{
	char text[512];
	vsnprintf(text, sizeof(text), format, args);
	if (here(cfg).line > reading->lines) {
		complain_unclosed(here(cfg));
		return;
	}
	if (strcmp(format, "no such option '%s'") != 0) {
		complain(reading->loader, here(cfg), "%s", text);
		return;
	}
	size_t before = strlen("no such option '");
	struct str name = { text + before, strlen(text) - before - 1 };
	note_unknown(cfg, loader_copy(reading->loader, name));
}

/* --- the table for libConfuse --- */

static cfg_opt_t *
section_options(const struct reader *reader, enum config_section section)
{
	cfg_opt_t *options = loader_alloc(reader->loader,
					  (config_key_count + SKIPPED_MAX + 2) * sizeof(*options));
	size_t count = 0;
	options[count++] = (cfg_opt_t)CFG_STR_LIST_CB(OPENED, "{opened}", CFGF_NONE, note_opened);
	for (size_t i = 0; i < config_key_count; i++)
		if (config_keys[i].section == section)
			options[count++] = (cfg_opt_t)CFG_STR_LIST_CB(config_keys[i].name, NULL,
								      CFGF_NONE, note_value);
	for (size_t i = 0; i < reader->skipped_count; i++)
		if (reader->skipped[i].section == section)
			options[count++] = (cfg_opt_t)CFG_STR_LIST_CB(reader->skipped[i].name, NULL,
								      CFGF_NONE, skip_value);
	options[count] = (cfg_opt_t)CFG_END();
	return options;
}

static cfg_t *
open_parser(const struct reader *reader)
{
	cfg_opt_t options[CONFIG_SECTION_COUNT + 3];
	for (unsigned i = 0; i < CONFIG_SECTION_COUNT; i++) {
		cfg_flag_t flags = CFGF_MULTI | (config_sections[i].titled ? CFGF_TITLE : 0);
		cfg_opt_t *inside = section_options(reader, (enum config_section)i);
		options[i] = (cfg_opt_t)CFG_SEC(config_sections[i].name, inside, flags);
		options[i].validcb = note_closed;
	}
	options[CONFIG_SECTION_COUNT] = (cfg_opt_t)CFG_FUNC("include", note_include);
	options[CONFIG_SECTION_COUNT + 1] = (cfg_opt_t)CFG_FUNC(ENDED, note_ended);
	options[CONFIG_SECTION_COUNT + 2] = (cfg_opt_t)CFG_END();
	cfg_t *cfg = cfg_init(options, CFGF_NONE);
	if (cfg != NULL)
		cfg_set_error_function(cfg, note_error);
	return cfg;
}

/*
 * More than libConfuse 3.3 takes: its tables and the scanner's buffer; for each section a copy of
 * the tables, in which each key and each unknown word has its option and its name; for each value
 * of a list three blocks; and each octet in a few buffers that double.
 */
static size_t
parser_octets(const struct reader *reader, struct str text)
{
	size_t sections = 0, values = 0;
	for (size_t i = 0; i < text.len; i++) {
		sections += text.p[i] == '{';
		values += text.p[i] == ',';
	}
	size_t options = KEYS_IN_A_SECTION + reader->skipped_count;
	return (256u << 10) + sections * options * 192 + values * 128 + text.len * 8;
}

/* True when the text was read to its end. */
static bool
parse_once(struct reader *reader, struct str text)
{
	reader->sections = NULL;
	reader->includes = NULL;
	reader->open = NULL;
	reader->again = false;
	reader->ended = false;
	/* It ends the process when the scanner gets no memory, and looks at nothing elsewhere. */
	struct spare spare;
	if (!spare_take(&spare, parser_octets(reader, text))) {
		complain(reader->loader, (struct place){ reader->file, 0, reader->rank },
			 "cannot be read: out of memory");
		return false;
	}
	/* cfg_free() resets the scanner, which else stays inside an unterminated string. */
	cfg_t *cfg = open_parser(reader);
	FILE *stream = cfg == NULL ? NULL : fmemopen((void *)(uintptr_t)text.p, text.len, "r");
	bool whole = stream != NULL && cfg_parse_fp(cfg, stream) == CFG_SUCCESS;
	if (stream != NULL)
		fclose(stream);
	if (cfg != NULL)
		cfg_free(cfg);
	spare_release(&spare);
	return whole;
}

/* --- from one reading into the loader --- */

static struct section *
titled_section(const struct loader *loader, enum config_section kind, const char *title)
{
	for (struct section *s = loader->titled; s != NULL; s = s->next)
		if (s->kind == kind && strcmp(s->title, title) == 0)
			return s;
	return NULL;
}

static const char *
place_text(struct loader *loader, struct place place, struct place seen_from)
{
	if (place.rank == seen_from.rank)
		return loader_printf(loader, "line %u", place.line);
	return loader_printf(loader, "%s:%u", place.file, place.line);
}

static bool
title_good(struct loader *loader, const struct section *section)
{
	const char *name = config_sections[section->kind].name;
	if (section->title[0] == '\0')
		complain(loader, section->place, "the title of %s is empty", name);
	else if (text_has_control(str_of(section->title)))
		complain(loader, section->place, "the title of %s contains a control character",
			 name);
	else
		return true;
	return false;
}

static struct section *
adopting_section(struct loader *loader, const struct section *read)
{
	if (!config_sections[read->kind].titled)
		return loader->once[read->kind];
	if (!title_good(loader, read))
		return NULL;
	const struct section *first = titled_section(loader, read->kind, read->title);
	if (first != NULL) {
		complain(loader, read->place, "%s \"%s\" is defined twice, first at %s",
			 config_sections[read->kind].name, read->title,
			 place_text(loader, first->place, read->place));
		return NULL;
	}
	struct section *section = loader_alloc(loader, sizeof(*section));
	*section = *read;
	section->settings = NULL;
	section->next = NULL;
	struct section **at = &loader->titled;
	while (*at != NULL)
		at = &(*at)->next;
	*at = section;
	return section;
}

static void
adopt(struct loader *loader, const struct section *read)
{
	struct section *section = adopting_section(loader, read);
	if (section == NULL)
		return;
	if (section->place.file == NULL)
		section->place = read->place;
	for (struct setting *next, *setting = read->settings; setting != NULL; setting = next) {
		next = setting->next;
		const struct setting *first = section_setting(section, setting->key->name);
		if (first == NULL)
			section_append(section, setting);
		else
			complain(loader, setting->place, "%s is set twice, first at %s",
				 setting->key->name,
				 place_text(loader, first->place, setting->place));
	}
}

static void
adopt_oldest_first(struct loader *loader, struct section *newest)
{
	struct section *oldest = NULL;
	while (newest != NULL) {
		struct section *next = newest->next;
		newest->next = oldest;
		oldest = newest;
		newest = next;
	}
	for (const struct section *s = oldest; s != NULL; s = s->next)
		adopt(loader, s);
}

/* What libConfuse is given: no comments, and the ending. */
static struct str
prepared(struct loader *loader, struct str text)
{
	size_t len = text.len + sizeof(ending) - 1;
	char *copy = loader_alloc(loader, len);
	if (text.len > 0)
		memcpy(copy, text.p, text.len);
	comments_blank(copy, text.len);
	memcpy(copy + text.len, ending, sizeof(ending) - 1);
	return (struct str){ copy, len };
}

static unsigned
count_lines(struct str text)
{
	unsigned lines = text.len > 0 && text.p[text.len - 1] != '\n';
	for (size_t i = 0; i < text.len; i++)
		lines += text.p[i] == '\n';
	return lines;
}

static struct included *
parse_text(struct loader *loader, struct str text, const char *name, unsigned rank)
{
	struct reader reader = { .loader = loader, .file = name, .rank = rank };
	bool whole;
	struct str ended = prepared(loader, text);
	reader.lines = count_lines(text);
	reading = &reader;
	do {
		whole = parse_once(&reader, ended);
	} while (!whole && reader.again);
	if (whole && !reader.ended)
		complain_unclosed((struct place){ name, 0, rank });
	reading = NULL;
	if (!whole || !reader.ended) {
		loader->broken = true;
		if (loader->error_count == 0)
			complain(loader, (struct place){ name, 0, rank }, "cannot be read");
	}
	adopt_oldest_first(loader, reader.sections);
	return reader.includes;
}

/* For whatever becomes of so many octets of text, before anything does. */
static bool
make_room(struct loader *loader, size_t octets)
{
	return arena_reserve(loader->arena, octets * MEMORY_AN_OCTET + ARENA_CHUNK_BYTES);
}

/* --- files --- */

static bool
read_whole(struct loader *loader, FILE *file, struct str *text)
{
	size_t room = TEXT_MAX - loader->text_bytes + 1;
	char *octets = malloc(room);
	size_t len = octets == NULL ? 0 : fread(octets, 1, room, file);
	bool fits = octets != NULL && len < room && !ferror(file);
	if (fits && !make_room(loader, len)) {
		errno = ENOMEM;
		fits = false;
	} else if (fits) {
		text->p = loader_copy(loader, (struct str){ octets, len });
		text->len = len;
		loader->text_bytes += len;
	} else if (octets != NULL && len == room) {
		errno = EFBIG;
	}
	free(octets);
	return fits;
}

/* The files of one configuration. */
struct file_list {
	struct included *waiting;
	struct stat seen[FILES_MAX];
	size_t seen_count;
};

/* True for a file that was read before, by whatever name: an include would go round in circles. */
static bool
seen_before(struct file_list *files, FILE *file)
{
	struct stat *status = &files->seen[files->seen_count];
	if (fstat(fileno(file), status) != 0)
		return false;
	for (size_t i = 0; i < files->seen_count; i++)
		if (files->seen[i].st_dev == status->st_dev &&
		    files->seen[i].st_ino == status->st_ino)
			return true;
	files->seen_count++;
	return false;
}

/* Reads one file; those that it includes come next, before the others that wait. */
static void
read_file(struct loader *loader, struct file_list *files, const struct included *wanted)
{
	struct str text;
	FILE *file = fopen(wanted->path, "re");
	if (file != NULL && seen_before(files, file)) {
		complain(loader, wanted->place, "%s is read a second time", wanted->path);
		fclose(file);
		return;
	}
	bool read = file != NULL && read_whole(loader, file, &text);
	int why = errno;
	if (file != NULL)
		fclose(file);
	if (!read) {
		complain(loader, wanted->place, "cannot read %s: %s", wanted->path, strerror(why));
		loader->broken = true;
		return;
	}
	struct included *included = parse_text(loader, text, wanted->path, ++loader->files);
	struct included **end = &included;
	while (*end != NULL)
		end = &(*end)->next;
	*end = files->waiting;
	files->waiting = included;
}

static int
is_conf(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);
	return entry->d_name[0] != '.' && len > 5 && strcmp(entry->d_name + len - 5, ".conf") == 0;
}

/* Octet order, whatever the locale. */
static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void
append_folder(struct loader *loader, struct included **files, const char *folder)
{
	struct dirent **entries;
	int count = scandir(folder, &entries, is_conf, by_name);
	if (count < 0) {
		if (errno != ENOENT && errno != ENOTDIR)
			complain(loader, NOWHERE, "cannot read %s: %s", folder, strerror(errno));
		return;
	}
	for (int i = 0; i < count; i++) {
		append_file(loader, files,
			    loader_printf(loader, "%s/%s", folder, entries[i]->d_name), NOWHERE);
		free(entries[i]);
	}
	free(entries);
}

void
source_read(struct loader *loader, const char *path)
{
	struct file_list files = { 0 };
	append_file(loader, &files.waiting, path, NOWHERE);
	append_folder(loader, &files.waiting, beside(loader, path, "conf.d"));
	while (files.waiting != NULL) {
		const struct included *file = files.waiting;
		files.waiting = file->next;
		if (files.seen_count == FILES_MAX) {
			complain(loader, file->place, "more than %d files", FILES_MAX);
			return;
		}
		read_file(loader, &files, file);
	}
}

void
source_read_text(struct loader *loader, struct str text, const char *name)
{
	if (!make_room(loader, text.len)) {
		complain(loader, NOWHERE, "cannot read %s: %s", name, strerror(ENOMEM));
		loader->broken = true;
		return;
	}
	const struct included *included = parse_text(loader, text, name, ++loader->files);
	if (included != NULL)
		complain(loader, included->place, "include works in files only");
}
