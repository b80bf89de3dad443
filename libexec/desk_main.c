#include "serve/desk_role.h"

int main(int argc, char **argv)
{
    return role_main(argc, argv, &desk_role);
}
