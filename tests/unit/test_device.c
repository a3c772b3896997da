/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "device.h"

static char path[64];
static char block[4096] __attribute__((aligned(4096)));

static void
setup(void)
{
	snprintf(path, sizeof(path), "/tmp/test_device.XXXXXX");
	int fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	cr_assert_eq(ftruncate(fd, (1 << 20) + 5000), 0);
	close(fd);
}

static void
teardown(void)
{
	unlink(path);
}

TestSuite(device, .init = setup, .fini = teardown);

Test(device, a_file_counts_in_whole_blocks_and_names_itself_by_inode)
{
	struct device d;
	struct stat st;
	char serial[64];

	cr_assert_eq(device_open(&d, path, 0), 0);
	cr_assert(d.is_file);
	cr_assert_eq(d.bytes, (1u << 20) + 4096);
	cr_assert(d.sector_bytes == 512 || d.sector_bytes == 4096);
	cr_assert_not(d.write_through);
	stat(path, &st);
	snprintf(serial, sizeof(serial), "file:%lx:%lu",
		 (unsigned long)st.st_dev, (unsigned long)st.st_ino);
	cr_assert_str_eq(d.serial, serial);
	device_close(&d);
	cr_assert_eq(d.fd, -1);
}

Test(device, a_second_holder_is_told_busy_until_the_first_lets_go)
{
	struct device first;
	struct device second;

	cr_assert_eq(device_open(&first, path, 0), 0);
	cr_assert_eq(device_open(&second, path, 0), -EBUSY);
	cr_assert_eq(second.fd, -1);
	cr_assert_eq(device_open(&second, path, 50000000), -EBUSY);
	device_close(&first);
	cr_assert_eq(device_open(&second, path, 0), 0);
	device_close(&second);
}

Test(device, what_is_no_disk_is_refused)
{
	struct device d;

	cr_assert_eq(device_open(&d, "/tmp", 0), -EINVAL);
	cr_assert_eq(device_open(&d, "/dev/null", 0), -EINVAL);
	cr_assert_eq(device_open(&d, "/tmp/test_device.nothing", 0), -ENOENT);
	cr_assert_eq(d.fd, -1);
}

Test(device, transfers_are_whole_or_an_error)
{
	struct device d;

	cr_assert_eq(device_open(&d, path, 0), 0);
	memset(block, 'x', sizeof(block));
	cr_assert_eq(device_write(&d, block, sizeof(block), 8192), 0);
	cr_assert_eq(device_flush(&d), 0);
	memset(block, 0, sizeof(block));
	cr_assert_eq(device_read(&d, block, sizeof(block), 8192), 0);
	cr_assert_eq(block[4095], 'x');
	cr_assert_eq(device_read(&d, block, sizeof(block), 4 << 20), -EIO);
	device_close(&d);
}
