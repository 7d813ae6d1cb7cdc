/*
 * The master has read the password file at the start and on each reload. A child that takes the
 * place of another one reads it again, perhaps while it is being replaced, and if it ended then so
 * would the next one: it serves what it can instead, which is what it does without a database.
 *
 * Passwords are corrected and changed: as long as a connection is missing, the file is looked at
 * for another one.
 */
#include "database.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "settings.h"

#define LOOK_MS 2000u

static void
look(struct timer *timer)
{
	struct database *database = container_of(timer, struct database, look);
	char password[CONFIG_PASSWORD_BYTES], error[512];
	bool other = !store_whole(database->store) &&
		     config_password(database->password_file, password, sizeof(password), error,
				     sizeof(error)) &&
		     store_password(database->store, password);
	explicit_bzero(password, sizeof(password));
	if (other)
		log_message(LOG_LEVEL_NOTICE, "start", "database.password_file %s: read",
			    database->password_file);
	timer_start(database->loop, &database->look, LOOK_MS, look);
}

struct store *
database_open(struct database *database, struct loop *loop, const struct config *config,
	      uint32_t connections, bool commits, struct node *node)
{
	struct store_settings settings;
	char password[CONFIG_PASSWORD_BYTES], application[96], error[512];
	bool known = settings_store(&settings, config, connections, password, sizeof(password),
				    application, sizeof(application), error, sizeof(error));
	settings.commits = commits;
	settings.node_was_up = &node->store_was_up;
	settings.node_timeline = &node->store_timeline;
	settings.node_refusals = node->store_refusals;
	database->loop = loop;
	database->store = store_open(loop, &settings);
	explicit_bzero(password, sizeof(password));
	if (!known)
		log_message(LOG_LEVEL_ERROR, "start", "%s; it is looked at again every %u s", error,
			    LOOK_MS / 1000);
	snprintf(database->password_file, sizeof(database->password_file), "%s",
		 config->database.password_file);
	if (database->store != NULL && database->password_file[0] != '\0')
		timer_start(loop, &database->look, LOOK_MS, look);
	return database->store;
}
