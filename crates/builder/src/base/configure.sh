# Configures the packages of a base whose files are in place. Its arguments are those with a preinst script.
set -e
admin=/var/lib/dpkg/info
for package; do
    DPKG_MAINTSCRIPT_PACKAGE="${package%%:*}" DPKG_MAINTSCRIPT_NAME=preinst DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT=1 \
        DPKG_MAINTSCRIPT_ARCH="$DPKG_MAINTSCRIPT_ARCH" DPKG_RUNNING_VERSION=1 DPKG_ROOT= DPKG_ADMINDIR=/var/lib/dpkg \
        "$admin/$package.preinst" install
done
dpkg --force-unsafe-io --force-confnew --configure --pending
ldconfig
rm -rf /var/cache/debconf/*-old /var/lib/dpkg/*-old /var/cache/ldconfig /var/log/*.log /var/log/apt/*
