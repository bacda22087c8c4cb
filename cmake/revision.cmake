# Writes the revision of the sources in SOURCE_DIR to OUT. Runs at every build; OUT is written only if
# the revision has changed.
execute_process(COMMAND "${SOURCE_DIR}/deploy/version" --revision
  OUTPUT_VARIABLE revision OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
string(REGEX REPLACE "^(............)[0-9a-f]+" "\\1" revision "${revision}")
file(CONFIGURE OUTPUT "${OUT}" CONTENT [=[
#include "app/options/revision.h"

const char* cachey::app::build_revision() { return "@revision@"; }
]=] @ONLY)
