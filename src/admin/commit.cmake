# Writes OUTPUT with the commit of SOURCE, empty without git or a repository. It runs in every build and touches the file
# only when that has changed.
cmake_minimum_required(VERSION 3.25)
find_program(GIT git)
set(commit "")
if(GIT)
	execute_process(COMMAND ${GIT} -C ${SOURCE} rev-parse --short=12 HEAD OUTPUT_VARIABLE commit ERROR_QUIET
		OUTPUT_STRIP_TRAILING_WHITESPACE)
endif()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT "#define ROLLCALL_COMMIT \"@commit@\"\n" @ONLY)
