/* Fingerprints of files: see the header. */
#include "fingerprint.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BLOCK 16384u
#define DIGEST_BYTES (FINGERPRINT_LEN / 2)

static bool
add_all(EVP_MD_CTX *context, int fd)
{
	unsigned char block[BLOCK]; /* an import has passwords */
	ssize_t got;
	for (off_t at = 0; (got = pread(fd, block, sizeof(block), at)) > 0; at += got)
		if (EVP_DigestUpdate(context, block, (size_t)got) != 1)
			break;
	explicit_bzero(block, sizeof(block));
	return got == 0;
}

bool
fingerprint_of(int fd, char text[static FINGERPRINT_LEN + 1])
{
	unsigned char digest[DIGEST_BYTES];
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	errno = ENOMEM; /* unless reading says otherwise */
	bool good = context != NULL && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 &&
		    add_all(context, fd) && EVP_DigestFinal_ex(context, digest, NULL) == 1;
	for (size_t i = 0; good && i < DIGEST_BYTES; i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
	EVP_MD_CTX_free(context);
	return good;
}
