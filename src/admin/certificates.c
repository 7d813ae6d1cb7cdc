/*
 * The certificates that are served: what there is to say of them is copied, so that no private key
 * stays in this process.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin_internal.h"
#include "json.h"

#define DAY_S 86400

static json_t *
names_of(const struct tls_server *server, size_t certificate)
{
	json_t *names = json_array();
	const char *name;
	for (size_t n = 0; (name = tls_server_certificate_name(server, certificate, n)) != NULL;
	     n++)
		json_array_append_new(names, json_octets(str_of(name)));
	return names;
}

static void
forget(struct admin *admin)
{
	json_decref(admin->certificates);
	admin->certificates = NULL;
}

/* False without memory: those told before stay. */
static bool
keep(struct admin *admin, const struct tls_server *server)
{
	size_t count = server == NULL ? 0 : tls_server_certificates(server, NULL, 0);
	struct tls_certificate_info *info = calloc(count + 1, sizeof(*info));
	if (info == NULL)
		return false;
	json_begin();
	json_t *fresh = json_array();
	if (count > 0)
		tls_server_certificates(server, info, count);
	for (size_t i = 0; i < count; i++)
		json_array_append_new(fresh,
				      json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:I,s:i,s:b}",
						"certificate", json_octets(str_of(info[i].name)),
						"subject", json_octets(str_of(info[i].subject)),
						"issuer", json_octets(str_of(info[i].issuer)),
						"names", names_of(server, i), "not_before",
						json_time(info[i].not_before * 1000), "not_after",
						json_time(info[i].not_after * 1000), "expires_in",
						(json_int_t)info[i].not_after, "chain",
						(int)info[i].chain_length, "default", i == 0));
	free(info);
	if (!json_whole()) {
		json_decref(fresh);
		return false;
	}
	forget(admin);
	admin->certificates = fresh;
	return true;
}

bool
admin_certificates(struct admin *admin, const struct tls_server *server, const char *trouble)
{
	snprintf(admin->certificate_trouble, sizeof(admin->certificate_trouble), "%s", trouble);
	return (server == NULL && *trouble != '\0') || keep(admin, server);
}

void
certificates_close(struct admin *admin)
{
	forget(admin);
}

/* Kept is the time at which it expires; shown is how long that is from now. */
static json_int_t
left_s(const struct admin *admin, const json_t *certificate)
{
	return json_integer_value(json_object_get(certificate, "expires_in")) -
	       loop_real_ms(admin->loop) / 1000;
}

void
certificates_list(struct exchange *x)
{
	json_t *items = json_deep_copy(x->admin->certificates), *item;
	size_t index;
	json_array_foreach(items, index, item)
		json_object_set_new(item, "expires_in", json_integer(left_s(x->admin, item)));
	exchange_answer(x, 200, json_pack("{s:o}", "items", items));
}

json_t *
certificates_next(const struct admin *admin)
{
	size_t index;
	json_t *item, *next = NULL;
	json_array_foreach(admin->certificates, index, item)
	{
		if (next == NULL || left_s(admin, item) < left_s(admin, next))
			next = item;
	}
	if (next == NULL)
		return json_null();
	return json_pack("{s:O,s:I}", "certificate", json_object_get(next, "certificate"),
			 "expires_in", left_s(admin, next));
}

bool
certificates_warn(const struct admin *admin, char *text, size_t cap, char *reason,
		  size_t reason_cap)
{
	size_t index;
	json_t *item;
	if (admin->certificate_trouble[0] != '\0') {
		snprintf(text, cap,
			 "files cannot be used, what was read from them before is served");
		snprintf(reason, reason_cap, "%s", admin->certificate_trouble);
		return true;
	}
	json_array_foreach(admin->certificates, index, item)
	{
		json_int_t left = left_s(admin, item);
		const char *name = json_string_value(json_object_get(item, "certificate"));
		if (left >= CERTIFICATE_DAYS * DAY_S)
			continue;
		if (left < 0)
			snprintf(text, cap, "one has expired");
		else
			snprintf(text, cap, "one expires in %d d", (int)(left / DAY_S));
		snprintf(reason, reason_cap, "%s", name);
		return true;
	}
	return false;
}
