/*
 * Why there is no connection, in the words of an operator: "db1:5432 refused, db2:5432 timed out
 * after 5s". libpq tells each host that it tried at length and over two lines.
 */
#include <stdio.h>
#include <string.h>

#include "inside.h"

#define EACH_MAX 320 /* octets of what is said of one host */

/* "[::1]:5432": a colon in the host must not be taken for that before the port. */
static void
write_host(struct writer *w, struct str host, struct str port)
{
	bool bare = host.len == 0 || memchr(host.p, ':', host.len) == NULL;
	writer_printf(w, bare ? "%.*s" : "[%.*s]", STR_ARG(host));
	if (!str_empty(port))
		writer_printf(w, ":%.*s", STR_ARG(port));
}

void
explain_host(struct lane *lane)
{
	const char *host = PQhost(lane->conn);
	const char *port = PQport(lane->conn);
	struct writer w = writer_on(lane->host, sizeof(lane->host) - 1);
	if (host == NULL || host[0] == '\0')
		return;
	write_host(&w, str_of(host), str_of(port == NULL ? "" : port));
	lane->host[w.len] = '\0';
}

/* What stands before the mark, and the rest behind it; false, and nothing is changed, without one.
 */
static bool
cut_at(struct str *rest, const char *mark, struct str *head)
{
	const char *at = rest->len == 0 ? NULL : memmem(rest->p, rest->len, mark, strlen(mark));
	if (at == NULL)
		return false;
	*head = (struct str){ rest->p, (size_t)(at - rest->p) };
	*rest = str_slice(*rest, head->len + strlen(mark), rest->len);
	return true;
}

/* connection to server at "db1" (192.0.2.1), port 5432 failed: REASON
 * connection to server on socket "/run/postgresql/.s.PGSQL.5432" failed: REASON */
static void
write_failure(struct writer *w, const struct resolve *names, struct str line)
{
	struct str before, host, port = { NULL, 0 }, rest = line;
	if (!cut_at(&rest, "connection to server ", &before) || !str_empty(before) ||
	    !cut_at(&rest, "\"", &before) || !cut_at(&rest, "\"", &host) ||
	    !cut_at(&rest, " failed: ", &before)) {
		writer_str(w, str_slice(line, 0, w->cap - w->len));
		return;
	}
	struct str words = before, skipped;
	if (str_empty(rest)) /* of an attempt that goes on there is only the beginning yet */
		return;
	if (cut_at(&words, ", port ", &skipped))
		port = words;
	const char *name = resolve_name(names, host); /* libpq was given addresses alone */
	write_host(w, name != NULL ? str_of(name) : host, port);
	if (str_eq(rest, STR("Connection refused")))
		writer_text_z(w, " refused");
	else
		writer_printf(w, ": %.*s", STR_ARG(rest));
}

/* One part a host, once: a name with several addresses fails as often. */
static void
add_part(struct writer *w, const char *part)
{
	if (w->len > 0 && memmem(w->buf, w->len, part, strlen(part)) != NULL)
		return;
	if (w->len > 0)
		writer_text_z(w, ", ");
	writer_str(w, str_slice(str_of(part), 0, w->cap - w->len));
}

/* Lines that begin with a tab only guess at reasons. */
static void
write_failures(struct writer *w, const struct lane *lane)
{
	struct str line, rest = str_of(PQerrorMessage(lane->conn));
	for (bool more = true; more;) {
		char part[EACH_MAX];
		struct writer p = writer_on(part, sizeof(part) - 1);
		more = str_cut(rest, '\n', &line, &rest);
		if (str_empty(line) || line.p[0] == '\t')
			continue;
		write_failure(&p, &lane->store->resolve, str_slice(line, 0, sizeof(part) - 8));
		part[p.len] = '\0';
		if (p.len > 0)
			add_part(w, part);
	}
}

/* libpq was never told of them. */
static void
write_unresolved(struct writer *w, const struct resolve *names)
{
	for (uint32_t i = 0; i < names->host_count; i++) {
		char part[EACH_MAX];
		struct writer p = writer_on(part, sizeof(part) - 1);
		resolve_write_failure(&names->hosts[i], &p);
		part[p.len] = '\0';
		if (p.len > 0)
			add_part(w, part);
	}
}

/* Whether the server refused the password, or wanted one that nobody has, with what to do. */
static bool
explain_password(struct lane *lane, const char *text)
{
	const struct store_settings *settings = &lane->store->settings;
	const char *user = PQuser(lane->conn) == NULL ? "" : PQuser(lane->conn);
	if (PQconnectionNeedsPassword(lane->conn)) {
		store_trouble_set(lane->store,
				  "database wants a password for user \"%s\"; write it to "
				  "database.password_file",
				  user);
		return true;
	}
	/* the words of a server that speaks English; another's are shown as they are */
	if (!PQconnectionUsedPassword(lane->conn) ||
	    strstr(text, "password authentication failed") == NULL)
		return false;
	store_trouble_set(lane->store,
			  "database rejects user \"%s\" (password authentication failed); password "
			  "came from %s",
			  user,
			  settings->password == NULL ? "outside of rollcall (PGPASSWORD, .pgpass)"
						     : settings->password_file);
	return true;
}

void
explain_failure(struct lane *lane)
{
	char text[400];
	struct writer w = writer_on(text, sizeof(text) - 1);
	if (explain_password(lane, PQerrorMessage(lane->conn)))
		return;
	write_failures(&w, lane);
	write_unresolved(&w, &lane->store->resolve);
	text[w.len] = '\0';
	store_trouble_set(lane->store, "%s", text);
}

void
explain_lateness(struct lane *lane)
{
	char text[480], part[EACH_MAX];
	struct writer w = writer_on(text, sizeof(text) - 1);
	if (lane->conn != NULL)
		write_failures(&w, lane);
	snprintf(part, sizeof(part), "%s timed out after %gs",
		 lane->host[0] != '\0' ? lane->host : "resolver",
		 lane->store->settings.connect_timeout_ms / 1000.0);
	add_part(&w, part);
	if (lane->conn != NULL)
		write_unresolved(&w, &lane->store->resolve);
	text[w.len] = '\0';
	store_trouble_set(lane->store, "%s", text);
}

const char *
explain_sqlstate(const char *sqlstate)
{
	/* a statement is not there any more, or there before we prepared it */
	if (strcmp(sqlstate, "26000") == 0 || strcmp(sqlstate, "42P05") == 0)
		return "prepared statement lost: a transaction pooler is in between; set "
		       "database.statements = unnamed";
	return NULL;
}
