# cmake --install BUILD --prefix PREFIX: the server, and what belongs to it on a machine. Needs the target cachey alone.
# The man page and the completions are made from the help of the built server while it is installed, so that these cannot
# differ from it. A cross build, whose server cannot run here, takes the help of a native server: the variable
# CACHEY_NATIVE of the environment names the file.

include(GNUInstallDirs)

function(install_files)
  install(TARGETS cachey RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
  install(FILES README.md CHANGELOG.md LICENSE DESTINATION "${CMAKE_INSTALL_DOCDIR}")
  install(DIRECTORY docs DESTINATION "${CMAKE_INSTALL_DOCDIR}")
  set(examples "${CMAKE_INSTALL_DOCDIR}/examples")
  install(FILES deploy/systemd/cachey.toml DESTINATION "${examples}")
  install(FILES deploy/systemd/cachey.default deploy/systemd/cachey.logrotate DESTINATION "${examples}")
  install(DIRECTORY deploy/systemd/ DESTINATION "${examples}" FILES_MATCHING PATTERN "*.conf.example")
  foreach(kind grafana prometheus haproxy nginx)
    install(DIRECTORY "deploy/${kind}" DESTINATION "${examples}"
            PATTERN check_ids EXCLUDE PATTERN rolling-restart EXCLUDE)
  endforeach()
  install(PROGRAMS deploy/haproxy/check_ids deploy/haproxy/rolling-restart DESTINATION "${examples}/haproxy")
  install(FILES deploy/systemd/cachey.sysusers DESTINATION lib/sysusers.d RENAME cachey.conf)
  install(CODE "
    set(source \"${CMAKE_SOURCE_DIR}\")
    set(help_of \"$<TARGET_FILE:cachey>\")
    set(build \"${CMAKE_BINARY_DIR}\")
    set(bindir \"${CMAKE_INSTALL_BINDIR}\")
    set(mandir \"${CMAKE_INSTALL_MANDIR}\")")
  install(SCRIPT cmake/install_generated.cmake)
endfunction()
install_files()
