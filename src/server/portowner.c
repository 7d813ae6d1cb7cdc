/* From /proc: the socket's inode by its port, then the process that holds a descriptor of that
 * inode. Only at start and reload. */
#include "portowner.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LISTENING 0x0a

/* A line of /proc/net/{tcp,udp}{,6}: "  0: 00000000:13C4 00000000:0000 07 ... uid timeout inode".
 */
static bool
line_names_port(char *line, uint16_t port, bool udp, uint64_t *inode)
{
	char *fields[10];
	size_t count = 0;
	char *rest = line;
	for (char *field; count < 10 && (field = strsep(&rest, " \n")) != NULL;)
		if (*field != '\0')
			fields[count++] = field;
	if (count < 10)
		return false;
	char *colon = strrchr(fields[1], ':');
	if (colon == NULL || strtoul(colon + 1, NULL, 16) != port)
		return false;
	if (!udp && strtoul(fields[3], NULL, 16) != LISTENING)
		return false;
	*inode = strtoull(fields[9], NULL, 10);
	return *inode != 0;
}

static bool
table_holders(const char *name, uint16_t port, bool udp, bool (*good)(uint64_t inode, void *arg),
	      void *arg)
{
	char line[512];
	uint64_t inode;
	bool all = true;
	FILE *table = fopen(name, "re");
	if (table == NULL)
		return true;
	while (all && fgets(line, sizeof(line), table) != NULL)
		all = !line_names_port(line, port, udp, &inode) || good(inode, arg);
	fclose(table);
	return all;
}

bool
port_holders(uint16_t port, bool udp, bool (*good)(uint64_t inode, void *arg), void *arg)
{
	return table_holders(udp ? "/proc/net/udp" : "/proc/net/tcp", port, udp, good, arg) &&
	       table_holders(udp ? "/proc/net/udp6" : "/proc/net/tcp6", port, udp, good, arg);
}

static bool
keep_first(uint64_t inode, void *arg)
{
	*(uint64_t *)arg = inode;
	return false;
}

static bool
process_holds(const char *pid, const char *socket)
{
	char path[300];
	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	DIR *folder = opendir(path);
	bool holds = false;
	if (folder == NULL)
		return false;
	for (struct dirent *entry; !holds && (entry = readdir(folder)) != NULL;) {
		char link[600], target[64];
		snprintf(link, sizeof(link), "%s/%s", path, entry->d_name);
		ssize_t len = readlink(link, target, sizeof(target) - 1);
		target[len < 0 ? 0 : len] = '\0';
		holds = strcmp(target, socket) == 0;
	}
	closedir(folder);
	return holds;
}

static void
name_process(const char *pid, char *owner, size_t cap)
{
	char path[300], name[64] = "?";
	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	FILE *file = fopen(path, "re");
	if (file != NULL) {
		if (fgets(name, sizeof(name), file) != NULL)
			name[strcspn(name, "\n")] = '\0';
		fclose(file);
	}
	snprintf(owner, cap, "%s (%s)", pid, name);
}

bool
port_owner(uint16_t port, bool udp, char *owner, size_t cap)
{
	uint64_t inode;
	char socket[64];
	bool found = false;
	if (port_holders(port, udp, keep_first, &inode))
		return false;
	snprintf(socket, sizeof(socket), "socket:[%" PRIu64 "]", inode);
	DIR *processes = opendir("/proc");
	if (processes == NULL)
		return false;
	for (struct dirent *entry; !found && (entry = readdir(processes)) != NULL;) {
		if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
			continue;
		found = process_holds(entry->d_name, socket);
		if (found)
			name_process(entry->d_name, owner, cap);
	}
	closedir(processes);
	return found;
}
