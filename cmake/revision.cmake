# Writes the revision of the sources in SOURCE_DIR to OUT. Runs at every build; OUT is written only if
# the revision has changed.
execute_process(COMMAND git describe --always --dirty --abbrev=12 --exclude=*
  WORKING_DIRECTORY "${SOURCE_DIR}" OUTPUT_VARIABLE revision OUTPUT_STRIP_TRAILING_WHITESPACE
  ERROR_QUIET RESULT_VARIABLE failed)
if(failed OR NOT revision MATCHES "^[0-9a-f]+(-dirty)?$")
  set(revision unknown)
endif()
file(CONFIGURE OUTPUT "${OUT}" CONTENT [=[
#include "app/options/revision.h"

const char* cachey::app::build_revision() { return "@revision@"; }
]=] @ONLY)
