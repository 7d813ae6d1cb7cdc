/*
 * The OpenAPI document, as it stands in openapi.json beside this file: the assembler puts the file
 * itself between two labels, so that there is no copy to fall behind.
 */
#include "admin_internal.h"

__asm__(".pushsection .rodata\n"
	"openapi_begin:\n"
	".incbin \"" ROLLCALL_OPENAPI "\"\n"
	"openapi_end:\n"
	".byte 0\n"
	".popsection\n");
extern const char openapi_begin[], openapi_end[];

void
openapi_show(struct exchange *x)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		(size_t)(openapi_end - openapi_begin), (void *)(uintptr_t)openapi_begin,
		MHD_RESPMEM_PERSISTENT);
	exchange_answer_response(x, 200, response, "application/json");
}
