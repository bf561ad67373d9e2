/* Makes the bridge helper root for an ordinary user, as an administrator might: set-user-ID root.
   Called "all-root" it hides the real user, too; called "keep-all-root" it also passes the caller's environment on. */
#include <string.h>
#include <unistd.h>

extern char **environ;

int main(int argc, char **argv)
{
    char *clean[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
    const char *slash = strrchr(argv[0], '/');
    const char *name = slash ? slash + 1 : argv[0];

    (void)argc;
    if (strstr(name, "all-root") && setresuid(0, 0, 0))
        return 1;
    execve(HELPER, argv, strstr(name, "keep") ? environ : clean);
    return 1;
}
