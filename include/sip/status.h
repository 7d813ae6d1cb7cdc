/* The status codes that the server sends, with the reason phrase used when none is more exact.
 * X(code, phrase) */
#pragma once

#define SIP_STATUSES(X)                           \
	X(100, "Trying")                          \
	X(200, "OK")                              \
	X(400, "Bad Request")                     \
	X(401, "Unauthorized")                    \
	X(403, "Forbidden")                       \
	X(404, "Not Found")                       \
	X(405, "Method Not Allowed")              \
	X(413, "Request Entity Too Large")        \
	X(414, "Request-URI Too Long")            \
	X(415, "Unsupported Media Type")          \
	X(416, "Unsupported URI Scheme")          \
	X(420, "Bad Extension")                   \
	X(423, "Interval Too Brief")              \
	X(480, "Temporarily Unavailable")         \
	X(481, "Call/Transaction Does Not Exist") \
	X(482, "Loop Detected")                   \
	X(500, "Server Internal Error")           \
	X(501, "Not Implemented")                 \
	X(503, "Service Unavailable")             \
	X(505, "Version Not Supported")           \
	X(513, "Message Too Large")

/* The phrase for a code of the table; "Unknown" for any other, which is a fault of ours. */
const char *sip_status_phrase(int code);
