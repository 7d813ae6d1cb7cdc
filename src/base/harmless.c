/* Texts that command no terminal: see the header. */
#include "base/harmless.h"

void
harmless(char *text, bool tabs_stay)
{
	char *to = text;
	for (const char *c = text; *c != '\0'; c++) {
		unsigned char octet = (unsigned char)*c;
		bool c0 = octet < 0x20 && !(octet == '\t' && tabs_stay);
		bool c1 =
			octet == 0xc2 && (unsigned char)c[1] >= 0x80 && (unsigned char)c[1] < 0xa0;
		*to++ = c0 || octet == 0x7f || c1 ? '?' : *c;
		c += c1;
	}
	*to = '\0';
}
