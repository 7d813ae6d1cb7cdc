/* The configuration turned into what each module wants to know. */
#pragma once

#include <stddef.h>

#include "base/node.h"
#include "config/config.h"
#include "net/net.h"
#include "net/tls.h"
#include "registrar/policy.h"
#include "server/limits.h"
#include "server/request.h"
#include "store/store.h"

/* A policy and the memory it points into; released as a whole once no request uses it any more. */
struct settings_policy;
/* labels are the domains' numbers in counters. NULL when memory is out. */
struct settings_policy *settings_policy_make(const struct config *config,
					     const struct node_domains *labels);
const struct policy *settings_policy_value(const struct settings_policy *made);
void settings_policy_free(struct settings_policy *made);

struct net_settings settings_net(const struct config *config);
/* What stands in front of a socket; false when the configuration has no such listener any more. */
bool settings_front(struct front *front, const struct config *config, enum transport transport,
		    const struct endpoint *bound);
struct limits_settings settings_limits(const struct config *config);
struct requests_settings settings_requests(const struct config *config,
					   const struct policy *policy);
/* password and application are the caller's buffers. False when the password file cannot be read,
 * with a sentence in error, and settings that are complete but for the password. */
bool settings_store(struct store_settings *settings, const struct config *config,
		    uint32_t connections, char *password, size_t password_cap, char *application,
		    size_t application_cap, char *error, size_t error_cap);
/* Builds the TLS side; NULL without certificates, or with a sentence in error. previous may be
 * NULL; what it is for, and that error may say something all the same, is told in net/tls.h. */
struct tls_server *settings_tls(const struct config *config, const struct tls_server *previous,
				char *error, size_t error_cap,
				void (*warn)(const char *sentence, void *arg), void *arg);
/* The same with certificates that have expired, or are not valid yet: for who would have none. */
struct tls_server *settings_tls_any_date(const struct config *config, char *error,
					 size_t error_cap);
/* The files of the password and of the private keys that everybody on the host may use, each as a
 * sentence. */
void settings_exposed(const struct config *config, void (*warn)(const char *sentence, void *arg),
		      void *arg);
/* Another one when any of its files, tls.client_ca included, is not what it was. Taken before they
 * are read, so that what comes meanwhile is seen the next time. */
uint64_t settings_tls_mark(const struct config *config);
