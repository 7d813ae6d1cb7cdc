/* One name-addr or addr-spec: slices, and its parts written in brackets parse to the same. */
#include "fuzz.h"
#include "sip/address.h"
#include "sip/scan.h"

static void
check_written(const struct sip_address *address, size_t len)
{
	char *buf = malloc(len + 3);
	struct writer w = writer_on(buf, len + 3);
	struct sip_address again;
	writer_str(&w, address->display);
	writer_char(&w, '<');
	writer_str(&w, address->uri.text);
	writer_char(&w, '>');
	writer_str(&w, address->params);
	FUZZ_CHECK(writer_ok(&w));
	FUZZ_CHECK(sip_address_parse(&again, writer_text(&w)) && again.bracketed);
	FUZZ_CHECK(str_eq(again.display, address->display));
	FUZZ_CHECK(str_eq(again.uri.text, address->uri.text));
	FUZZ_CHECK(str_eq(again.params, address->params));
	free(buf);
}

static void
check_params(struct str params)
{
	struct sip_param param, found;
	bool bad;
	for (struct str rest = params; sip_next_param(&rest, &param, &bad);) {
		FUZZ_CHECK(fuzz_inside(param.name, params) && fuzz_inside(param.value, params));
		FUZZ_CHECK(sip_find_param(params, param.name, &found));
		FUZZ_CHECK(found.name.p == param.name.p && str_eq(found.value, param.value));
		FUZZ_CHECK(found.has_value == param.has_value);
	}
	FUZZ_CHECK(!bad);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, size }, rest = text, member;
	struct sip_address address;
	bool bad;
	while (sip_next_member(&rest, &member, &bad)) {
		FUZZ_CHECK(fuzz_inside(member, text) && member.len > 0);
		if (!sip_address_parse(&address, member))
			continue;
		FUZZ_CHECK(fuzz_inside(address.text, member) &&
			   fuzz_inside(address.display, member));
		FUZZ_CHECK(fuzz_inside(address.uri.text, member));
		FUZZ_CHECK(fuzz_inside(address.params, member));
		check_params(address.params);
		check_written(&address, member.len);
	}
	return 0;
}
