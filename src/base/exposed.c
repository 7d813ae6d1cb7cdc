/* By the mode of the file itself: whether the directories above let everybody in is not looked at,
 * for that changes more easily than anybody notices. */
#include "base/exposed.h"

#include <stdio.h>
#include <sys/stat.h>

bool
exposed_say(const char *name, const char *path, char *text, size_t cap)
{
	struct stat entry;
	if (stat(path, &entry) != 0 || (entry.st_mode & (S_IWOTH | S_IROTH)) == 0)
		return false;
	snprintf(text, cap, "%s %s can be %s by everybody; run: chmod o= %s", name, path,
		 (entry.st_mode & S_IWOTH) != 0 ? "written" : "read", path);
	return true;
}
