#include "serve/intake_role.h"

int main(int argc, char **argv)
{
    return role_main(argc, argv, &intake_role);
}
