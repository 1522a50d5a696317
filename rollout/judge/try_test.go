package judge
import ("testing";"time";"fmt")
func TestTry(t *testing.T){
 base:=Scenario{BaseErrors:.005,CanaryRPS:100,StableRPS:900,Minutes:30}
 for _,e:=range []float64{.01,.02,.05,.10}{ s:=base; s.NewErrors=e; st:=time.Now(); fmt.Println(Simulate(s,Config{},400,1), time.Since(st)) }
 s:=base; s.NewErrors=.02; s.Onset=10*time.Minute; fmt.Println(Simulate(s,Config{},400,1))
 s.Onset=0; s.Burst=20; fmt.Println(Simulate(s,Config{},200,1))
 s.Burst=0; s.Outages=6; fmt.Println(Simulate(s,Config{},400,1))
 s=base; s.NewErrors=.005; s.Latency=20*time.Millisecond; s.Slower=3; st:=time.Now(); fmt.Println(Simulate(s,Config{},50,1),time.Since(st))
 s.Slower=1.5; fmt.Println(Simulate(s,Config{},50,1))
 s.Slower=3; s.Pauses=2; s.Stalls=2; s.Tail=1.5; fmt.Println(Simulate(s,Config{},50,1))
 s.Onset=10*time.Minute; fmt.Println(Simulate(s,Config{},50,1))
}
