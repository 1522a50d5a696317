package auth

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/user"
	"strconv"
)

type strangerKey struct{}

// strangerFrom says why the other end of a Unix socket was not recognised; empty if it was, or if there is no socket.
func strangerFrom(ctx context.Context) string {
	why, _ := ctx.Value(strangerKey{}).(string)
	return why
}

// ConnContext recognises the other end of a Unix socket by the credentials that the kernel vouches for; use it as ConnContext of an http.Server.
// Root and the owner of this process become a principal with the role admin: they can write to the data directory anyway. Others stay unknown, and
// connections of another kind are left alone.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	socket, ok := c.(*net.UnixConn)
	if !ok {
		return ctx
	}
	uid, err := peerUID(socket)
	if err != nil {
		return context.WithValue(ctx, strangerKey{}, fmt.Sprintf("the system does not say who is at the other end of the socket: %v", err))
	}
	if !owner(uid, os.Geteuid()) {
		return context.WithValue(ctx, strangerKey{}, fmt.Sprintf("%s is not the owner of this server; use the account that runs it, or root", accountName(uid)))
	}
	return WithPrincipal(ctx, Principal{Name: accountName(uid), Role: Admin, Via: ViaSocket})
}

// owner says whether an account has the server in its hands: it is root, or the account that runs it.
func owner(uid uint32, server int) bool { return uid == 0 || int64(uid) == int64(server) }

// accountName is the account's name, or "uid 1000" if it has none.
func accountName(uid uint32) string {
	id := strconv.FormatUint(uint64(uid), 10)
	if account, err := user.LookupId(id); err == nil {
		return account.Username
	}
	return "uid " + id
}

// control runs do with the socket's file descriptor.
func control(c *net.UnixConn, do func(fd int) error) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = do(int(fd)) }); err != nil {
		return err
	}
	return failed
}
