/* user export: the columns that user import reads. Hashes are as good as passwords for whoever has
 * them, so they come only when asked for, and a file is nobody else's. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pages.h"

static const char *const plain[] = { "username", "domain",	 "login",	 "display_name",
				     "enabled",	 "max_contacts", "may_register", NULL };
static const char *const hashed[] = { "username",     "domain",	    "login",
				      "ha1_md5",      "ha1_sha256", "ha1_sha512_256",
				      "display_name", "enabled",    "max_contacts",
				      "may_register", NULL };

/* A login that is no text is left out where the user part gives it, and where no hashes stand
 * beside it; any other would come back from an import as another one, with hashes that fit it no
 * more. */
static bool
login_ready(json_t *item)
{
	const char *octets = json_string_value(json_object_get(item, "login_octets"));
	const char *name = json_string_value(json_object_get(item, "username"));
	if (octets == NULL)
		return true;
	bool hashes = json_object_get(item, "ha1_md5") != NULL;
	if (!hashes || (name != NULL && strcmp(octets, name) == 0))
		return json_object_set_new(item, "login", json_null()) == 0;
	char *aor = output_aor(item);
	ctl_error("%s: no CSV can hold its login %s; change that in the database, or leave the "
		  "user out with --user or --domain",
		  aor == NULL ? "?" : aor, octets);
	free(aor);
	return false;
}

/* What is printed goes to the file. False with an error. */
static bool
print_into(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool into = fd >= 0 && dup2(fd, STDOUT_FILENO) >= 0;
	if (!into)
		ctl_error("%s: %s", path, strerror(errno));
	if (fd >= 0 && !into)
		unlink(path);
	if (fd >= 0)
		close(fd);
	return into;
}

enum ctl_exit
ctl_user_export(const struct ctl_options *options)
{
	const char *file = options->argument_count > 0 ? options->arguments[0] : NULL;
	struct ctl_options all = *options;
	struct client_path path;
	const struct listing listing = { .fields = options->with_hashes ? hashed : plain,
					 .exact = true,
					 .ready = login_ready };
	if (options->format == CTL_TABLE)
		all.format = CTL_CSV;
	if (file != NULL && !print_into(file))
		return CTL_FAILED;
	client_path_start(&path, "users");
	client_path_argument(&path, "domain", options->domain);
	client_path_argument(&path, "user", options->user);
	client_path_argument(&path, "include", options->with_hashes ? "hashes" : NULL);
	enum ctl_exit code = pages_print(&all, &path, &listing, "no accounts");
	if (!output_arrived() && code == CTL_DONE)
		code = CTL_FAILED;
	if (file != NULL && code != CTL_DONE) /* half of the accounts look like all of them */
		unlink(file);
	return code;
}
