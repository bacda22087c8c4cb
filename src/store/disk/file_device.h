#pragma once

#include <memory>
#include <string>

#include "rt/blocking_pool.h"
#include "store/disk/device.h"
#include "store/disk/disk_file.h"

namespace cachey::store {

/// A file or raw device by pread and pwrite on a pool of threads, which works everywhere. The pool
/// should serve this device only, because an operation that hangs blocks a thread.
class FileDevice : public BlockDevice {
 public:
  FileDevice(std::unique_ptr<DiskFile> file, rt::BlockingPool& pool)
      : file_(std::move(file)), pool_(pool) {}

  [[nodiscard]] uint64_t size() const override { return file_->size(); }
  [[nodiscard]] std::string name() const override { return file_->path(); }
  IoStatus read_now(uint64_t offset, std::span<std::byte> into) override;
  IoStatus write_now(uint64_t offset, std::span<const std::byte> from) override;
  IoStatus sync_now() override { return file_->sync(); }
  IoStatus cut_now(uint64_t bytes) override { return file_->cut(bytes); }
  [[nodiscard]] rt::Task<IoStatus> read(rt::Worker& worker, uint64_t offset,
                                        std::span<const iovec> into) override;
  [[nodiscard]] rt::Task<IoStatus> write(rt::Worker& worker, uint64_t offset,
                                         std::span<const iovec> from) override;
  [[nodiscard]] rt::Task<IoStatus> sync(rt::Worker& worker) override;
  [[nodiscard]] rt::Task<IoStatus> cut(rt::Worker& worker, uint64_t bytes) override;

 protected:
  [[nodiscard]] const DiskFile& file() const { return *file_; }

 private:
  const std::unique_ptr<DiskFile> file_;
  rt::BlockingPool& pool_;
};

}  // namespace cachey::store
