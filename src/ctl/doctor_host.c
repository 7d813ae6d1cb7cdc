/* doctor, what the machine gives: certificates, buffers, descriptors, and the health listener. */
#include <curl/curl.h>
#include <errno.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#include "base/str.h"
#include "doctor.h"

#define EXPIRY_WARN_DAYS 14
#define DESCRIPTORS_BESIDE 512u /* of a worker: files, pipes, connections to the database */

/* --- certificates --------------------------------------------------------------------- */

static void
check_certificate(struct doctor *doctor, const char *name, const X509 *certificate)
{
	int days = 0, seconds = 0;
	char subject[128] = "?";
	X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, subject,
				  sizeof(subject));
	static const char *const hint = "renew, then: rollcallctl reload";
	ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(certificate));
	if (days < 0 || seconds < 0)
		doctor_note(doctor, "certificates", CTL_BAD, hint,
			    "certificate %s expired %dd ago (CN %s)", name, -days, subject);
	else
		doctor_note(doctor, "certificates", days < EXPIRY_WARN_DAYS ? CTL_WARN : CTL_GOOD,
			    days < EXPIRY_WARN_DAYS ? hint : NULL,
			    "certificate %s expires in %dd (CN %s)", name, days, subject);
}

void
doctor_certificates(struct doctor *doctor)
{
	for (size_t i = 0; i < doctor->config->certificate_count; i++) {
		const struct config_certificate *c = &doctor->config->certificates[i];
		FILE *file = fopen(c->chain, "re");
		if (file == NULL) {
			doctor_note(doctor, "certificates", CTL_BAD, NULL, "certificate %s: %s: %s",
				    c->name, c->chain, strerror(errno));
			continue;
		}
		X509 *certificate = PEM_read_X509(file, NULL, NULL, NULL);
		fclose(file);
		if (certificate == NULL)
			doctor_note(doctor, "certificates", CTL_BAD, NULL,
				    "certificate %s: %s holds no certificate", c->name, c->chain);
		else
			check_certificate(doctor, c->name, certificate);
		X509_free(certificate);
	}
}

/* --- health --------------------------------------------------------------------------- */

static size_t
ignore(char *octets, size_t size, size_t count, void *arg)
{
	(void)octets;
	(void)arg;
	return size * count;
}

static void
check_health(struct doctor *doctor, const struct endpoint *endpoint)
{
	char url[128], where[80];
	long status = 0;
	if (doctor_lacks_ipv6(doctor, "health", "health listener", endpoint))
		return;
	CURL *curl = curl_easy_init();
	if (curl == NULL)
		return;
	doctor_address(endpoint, where, sizeof(where));
	snprintf(url, sizeof(url), "http://%s/readyz", where);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)DOCTOR_WAIT_MS);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore);
	CURLcode code = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	if (code != CURLE_OK)
		doctor_note(doctor, "health", CTL_BAD, NULL, "health listener %s: %s", where,
			    curl_easy_strerror(code));
	else
		doctor_note(doctor, "health", status == 200 ? CTL_GOOD : CTL_BAD, NULL,
			    "health listener %s answers %ld", where, status);
	curl_easy_cleanup(curl);
}

void
doctor_health(struct doctor *doctor)
{
	for (size_t i = 0; i < doctor->config->health.listen_count; i++)
		check_health(doctor, &doctor->config->health.listen[i]);
}

/* --- limits of the system ------------------------------------------------------------- */

/* "212 kB", "4 MB" */
static void
size_text(json_int_t octets, char text[static 32])
{
	bool whole = octets % (1 << 20) == 0;
	snprintf(text, 32, "%lld %s", (long long)(whole ? octets >> 20 : octets >> 10),
		 whole ? "MB" : "kB");
}

/* The kernel grants as much as the sysctl says to whoever has no privileges. */
static void
check_udp_buffer(struct doctor *doctor, const char *way, json_int_t wanted, json_int_t real,
		 const char *sysctl)
{
	char hint[80], wanted_text[32], real_text[32];
	if (real == 0) /* there is no UDP listener, or no daemon to ask */
		return;
	size_text(wanted, wanted_text);
	size_text(real, real_text);
	snprintf(hint, sizeof(hint), "sysctl -w %s=%lld", sysctl, (long long)wanted);
	if (real < wanted)
		doctor_note(doctor, "udp", CTL_BAD, hint, "UDP %s buffer is %s, wanted %s", way,
			    real_text, wanted_text);
	else
		doctor_note(doctor, "udp", CTL_GOOD, NULL, "UDP %s buffer %s", way, wanted_text);
}

static void
check_udp_buffers(struct doctor *doctor)
{
	const struct config *config = doctor->config;
	const json_t *node = doctor->stats;
	check_udp_buffer(doctor, "receive", config->connection.udp_receive_buffer,
			 json_integer_value(json_object_get(node, "udp_receive_buffer")),
			 "net.core.rmem_max");
	check_udp_buffer(doctor, "send", config->connection.udp_send_buffer,
			 json_integer_value(json_object_get(node, "udp_send_buffer")),
			 "net.core.wmem_max");
}

static void
check_descriptors(struct doctor *doctor)
{
	json_int_t limit = json_integer_value(json_object_get(doctor->stats, "descriptor_limit"));
	json_int_t workers = json_integer_value(json_object_get(doctor->stats, "workers"));
	json_int_t most = json_integer_value(json_object_get(doctor->stats, "max_connections"));
	if (limit == 0 || workers == 0)
		return;
	char hint[64];
	json_int_t needed = most / workers + DESCRIPTORS_BESIDE;
	snprintf(hint, sizeof(hint), "set LimitNOFILE=%lld", (long long)needed);
	if (limit < needed)
		doctor_note(doctor, "descriptors", CTL_WARN, hint,
			    "max_connections %lld but the process may open %lld files",
			    (long long)most, (long long)limit);
	else
		doctor_note(doctor, "descriptors", CTL_GOOD, NULL, "%lld files a worker",
			    (long long)limit);
}

static bool
read_number(const char *path, uint64_t *number)
{
	char text[32];
	FILE *file = fopen(path, "re");
	bool good = file != NULL && fgets(text, sizeof(text), file) != NULL &&
		    str_to_u64(str_trim(str_of(text)), UINT64_MAX, number);
	if (file != NULL)
		fclose(file);
	return good;
}

/* Only where connections are tracked; a full table drops packets without a word. */
static void
check_conntrack(struct doctor *doctor)
{
	uint64_t count, most;
	if (!read_number("/proc/sys/net/netfilter/nf_conntrack_count", &count) ||
	    !read_number("/proc/sys/net/netfilter/nf_conntrack_max", &most) || most == 0)
		return;
	if (count > most / 5 * 4)
		doctor_note(doctor, "conntrack", CTL_WARN,
			    "raise net.netfilter.nf_conntrack_max, or do not track the SIP ports",
			    "connection tracking holds %llu of %llu", (unsigned long long)count,
			    (unsigned long long)most);
}

void
doctor_limits(struct doctor *doctor)
{
	check_udp_buffers(doctor);
	check_descriptors(doctor);
	check_conntrack(doctor);
}
