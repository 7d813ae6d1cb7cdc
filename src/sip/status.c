/* Look-ups in the tables of status codes and of faults. */
#include "sip/status.h"

#include "sip/message.h"

const char *
sip_status_phrase(int code)
{
	switch (code) {
#define X(code, phrase) \
	case code:      \
		return phrase;
		SIP_STATUSES(X)
#undef X
	default:
		return "Unknown";
	}
}

static const struct {
	int status;
	const char *phrase;
	enum reason reason;
	bool closes;
} faults[SIP_FAULT_COUNT] = {
#define X(id, status, phrase, reason, stream) \
	[SIP_FAULT_##id] = { status, phrase, REASON_##reason, SIP_STREAM_##stream },
	SIP_FAULTS(X)
#undef X
};

int
sip_fault_status(enum sip_fault fault)
{
	return faults[fault].status;
}

const char *
sip_fault_phrase(enum sip_fault fault)
{
	return faults[fault].phrase;
}

enum reason
sip_fault_reason(enum sip_fault fault)
{
	return faults[fault].reason;
}

bool
sip_fault_closes(enum sip_fault fault)
{
	return faults[fault].closes;
}
