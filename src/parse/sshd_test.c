#include "core/test.h"

#include "parse/try_int.h"

#define H "Nov 25 07:59:30 gw "
#define S H "sshd[5]: "

static const struct try_case cases[] = {
    {S "Failed password for root from 1.2.3.4 port 4242 ssh2",
     INPUT_FILE,
     NULL,
     {"event.module=sshd", "event.action=ssh_login", "event.outcome=failure",
      "event.category=authentication", "user.name=root", "source.ip=1.2.3.4", "source.port=4242",
      "ssh.method=password", "network.protocol=ssh", "process.name=sshd", "host.name=gw"}},
    {S "Failed password for invalid user admin from 1.2.3.4 port 4242 ssh2",
     INPUT_FILE,
     NULL,
     {"user.name=admin", "event.reason=invalid user", "event.outcome=failure"}},
    /* The name is chosen by the attacker: the last address is the true one. */
    {S "Failed password for invalid user root from 9.9.9.9 port 1 ssh2 from 1.2.3.4 port 4242 ssh2",
     INPUT_FILE,
     NULL,
     {"user.name=root from 9.9.9.9 port 1 ssh2", "source.ip=1.2.3.4", "source.port=4242"}},
    {S "Accepted publickey for minh from 2001:db8::5 port 50 ssh2: ED25519 SHA256:abc",
     INPUT_FILE,
     NULL,
     {"user.name=minh", "source.ip=2001:db8::5", "ssh.method=publickey", "event.outcome=success",
      "event.type=start"}},
    {S "Accepted keyboard-interactive/pam for a from ::ffff:1.2.3.4 port 5 ssh2",
     INPUT_FILE,
     NULL,
     {"ssh.method=keyboard-interactive/pam", "source.ip=1.2.3.4"}},
    {S "Invalid user  from 1.2.3.4 port 9",
     INPUT_FILE,
     NULL,
     {"!user.name", "source.ip=1.2.3.4", "event.action=ssh_invalid_user"}},
    {S "error: maximum authentication attempts exceeded for invalid user a b from 1.2.3.4 port 9 "
       "ssh2 [preauth]",
     INPUT_FILE,
     NULL,
     {"user.name=a b", "source.ip=1.2.3.4", "event.action=ssh_max_attempts", "log.level=error"}},
    {S "Disconnected from authenticating user root 1.2.3.4 port 9 [preauth]",
     INPUT_FILE,
     NULL,
     {"user.name=root", "event.outcome=failure", "event.action=ssh_disconnect"}},
    {S "Received disconnect from 1.2.3.4 port 9:11: Bye Bye [preauth]",
     INPUT_FILE,
     NULL,
     {"source.ip=1.2.3.4", "source.port=9", "event.reason=Bye Bye"}},
    {S "Bad protocol version identification 'GET / from 5.5.5.5 port 1' from 1.2.3.4 port 9",
     INPUT_FILE,
     NULL,
     {"source.ip=1.2.3.4", "source.port=9", "event.action=ssh_bad_protocol",
      "event.reason='GET / from 5.5.5.5 port 1'"}},
    {S "banner exchange: Connection from 1.2.3.4 port 9: invalid format",
     INPUT_FILE,
     NULL,
     {"source.ip=1.2.3.4", "event.reason=invalid format"}},
    {S "refused connect from x@::ffff:1.2.3.4 (::ffff:1.2.3.4)",
     INPUT_FILE,
     NULL,
     {"source.ip=1.2.3.4", "event.action=ssh_refused"}},
    {S "User bob from host.example not allowed because not listed in AllowUsers",
     INPUT_FILE,
     NULL,
     {"user.name=bob", "source.domain=host.example", "event.reason=not listed in AllowUsers"}},
    {S "drop connection #10 from [1.2.3.4]:99 on [10.0.0.1]:22 past MaxStartups",
     INPUT_FILE,
     NULL,
     {"source.ip=1.2.3.4", "source.port=99", "event.action=ssh_refused"}},
    {H "sshd-session[6]: Connection closed by invalid user x 1.2.3.4 port 9 [preauth]",
     INPUT_FILE,
     NULL,
     {"event.module=sshd", "user.name=x", "source.ip=1.2.3.4"}},
    {S "something that no version of it says",
     INPUT_FILE,
     NULL,
     {"event.module=sshd", "!event.action", "event.kind=event",
      "message=something that no version of it says"}},
    {S "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= "
       "rhost=1.2.3.4  user=root",
     INPUT_FILE,
     NULL,
     {"event.module=pam", "user.name=root", "source.ip=1.2.3.4", "event.outcome=failure",
      "pam.service=sshd", "pam.type=auth", "pam.uid=0", "pam.tty=ssh"}},
    {S "pam_unix(sshd:session): session opened for user root(uid=0) by (uid=0)",
     INPUT_FILE,
     NULL,
     {"user.name=root", "event.action=session_opened", "event.category=session|authentication"}},
    {S "PAM 2 more authentication failures; logname= uid=0 euid=0 tty=ssh ruser= rhost=1.2.3.4  "
       "user=root",
     INPUT_FILE,
     NULL,
     {"event.module=pam", "source.ip=1.2.3.4", "user.name=root"}},
    {H "sudo:     minh : TTY=pts/0 ; PWD=/home/minh ; USER=root ; COMMAND=/usr/bin/cat /etc/shadow "
       "; USER=x",
     INPUT_FILE,
     NULL,
     {"user.name=minh", "user.effective.name=root", "process.working_directory=/home/minh",
      "process.command_line=/usr/bin/cat /etc/shadow ; USER=x", "process.executable=/usr/bin/cat",
      "process.name=cat", "event.outcome=success", "process.tty.name=pts/0",
      "event.action=sudo_command", "event.category=process"}},
    {H "sudo: minh : user NOT in sudoers ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/bash",
     INPUT_FILE,
     NULL,
     {"event.outcome=failure", "event.reason=user NOT in sudoers", "event.type=start|denied",
      "process.command_line=/bin/bash"}},
    {H "su[9]: (to root) minh on pts/1",
     INPUT_FILE,
     NULL,
     {"user.name=minh", "user.effective.name=root", "event.outcome=success"}},
    {H "su[9]: FAILED SU (to root) minh on pts/1",
     INPUT_FILE,
     NULL,
     {"user.name=minh", "user.effective.name=root", "event.outcome=failure"}},
    {H "CRON[9]: (root) CMD (  /usr/lib/x (a) )",
     INPUT_FILE,
     NULL,
     {"user.name=root", "process.command_line=  /usr/lib/x (a) ", "event.action=cron_command"}},
    {H "crontab[9]: (www) REPLACE (root)",
     INPUT_FILE,
     NULL,
     {"user.name=www", "event.action=crontab_replace", "event.category=configuration"}},
};

static void reads_daemons(void **state)
{
    (void)state;
    try_all(cases, ARRAY_LEN(cases));
}

static int done(void **state)
{
    (void)state;
    try_done();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_daemons),
    };

    return cmocka_run_group_tests(tests, NULL, done);
}
