# The files of cmake --install that are made while installing: the unit with the path of the server, the man page, the
# completions. cmake/install.cmake sets source, help_of, bindir and mandir.
if(DEFINED ENV{CACHEY_NATIVE})
  set(help_of "$ENV{CACHEY_NATIVE}")
endif()
set(root "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}")

# Without a prefix of the machine's own, /usr, the unit takes the paths of the prefix.
function(install_unit)
  file(READ "${source}/deploy/systemd/cachey.service" unit)
  string(REPLACE "/usr/bin/cachey" "${CMAKE_INSTALL_PREFIX}/${bindir}/cachey" unit "${unit}")
  file(WRITE "${root}/lib/systemd/system/cachey.service" "${unit}")
  message(STATUS "Installing: ${root}/lib/systemd/system/cachey.service")
endfunction()

function(install_man_page)
  find_program(HELP2MAN help2man)
  if(NOT HELP2MAN)
    message(WARNING "No man page, because help2man is not installed.")
    return()
  endif()
  file(MAKE_DIRECTORY "${root}/${mandir}/man1")
  execute_process(COMMAND "${HELP2MAN}" --no-info --section=1 "--include=${source}/deploy/man/cachey.h2m"
    "--output=${root}/${mandir}/man1/cachey.1" "${help_of}" COMMAND_ERROR_IS_FATAL ANY)
  message(STATUS "Installing: ${root}/${mandir}/man1/cachey.1")
endfunction()

function(install_completion shell path)
  cmake_path(GET path PARENT_PATH folder)
  file(MAKE_DIRECTORY "${root}/${folder}")
  execute_process(COMMAND "${help_of}" --help COMMAND "${source}/deploy/completion/generate" "${shell}"
    OUTPUT_FILE "${root}/${path}" COMMAND_ERROR_IS_FATAL ANY)
  message(STATUS "Installing: ${root}/${path}")
endfunction()

install_unit()
install_man_page()
install_completion(bash share/bash-completion/completions/cachey)
install_completion(zsh share/zsh/site-functions/_cachey)
install_completion(fish share/fish/vendor_completions.d/cachey.fish)
