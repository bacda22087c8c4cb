# The files of cmake --install that are made while installing: the unit with the path of the server, the man page, the
# completions. cmake/install.cmake sets source, build, help_of, bindir and mandir.
if(DEFINED ENV{CACHEY_NATIVE})
  set(help_of "$ENV{CACHEY_NATIVE}")
endif()

# Written to the build folder first, because file(INSTALL) knows DESTDIR and modes.
set(made "${build}/installed")
file(MAKE_DIRECTORY "${made}")

# A macro, because file(INSTALL) adds to the caller's list of installed files.
macro(install_made name folder)
  cmake_path(APPEND CMAKE_INSTALL_PREFIX "${folder}" OUTPUT_VARIABLE destination)
  file(INSTALL "${made}/${name}" DESTINATION "${destination}")
endmacro()

# Without a prefix of the machine's own, /usr, the unit takes the paths of the prefix.
function(make_unit)
  file(READ "${source}/deploy/systemd/cachey.service" unit)
  cmake_path(APPEND CMAKE_INSTALL_PREFIX "${bindir}" OUTPUT_VARIABLE programs)
  string(REPLACE "/usr/bin/cachey" "${programs}/cachey" unit "${unit}")
  file(WRITE "${made}/cachey.service" "${unit}")
endfunction()

function(make_completion shell name)
  execute_process(COMMAND "${help_of}" --help COMMAND "${source}/deploy/completion/generate" "${shell}"
    OUTPUT_FILE "${made}/${name}" COMMAND_ERROR_IS_FATAL ANY)
endfunction()

make_unit()
install_made(cachey.service lib/systemd/system)
make_completion(bash cachey)
install_made(cachey share/bash-completion/completions)
make_completion(zsh _cachey)
install_made(_cachey share/zsh/site-functions)
make_completion(fish cachey.fish)
install_made(cachey.fish share/fish/vendor_completions.d)

find_program(HELP2MAN help2man)
if(HELP2MAN)
  execute_process(COMMAND "${HELP2MAN}" --no-info --section=1 "--include=${source}/deploy/man/cachey.h2m"
    "--output=${made}/cachey.1" "${help_of}" COMMAND_ERROR_IS_FATAL ANY)
  install_made(cachey.1 "${mandir}/man1")
else()
  message(WARNING "No man page, because help2man is not installed.")
endif()
